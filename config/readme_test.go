package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	readme      = "../README.md"
	countsBegin = "<!-- written by go test ./config -update -->\n"
	countsEnd   = "<!-- end of what go test ./config -update writes -->\n"
)

// TestReadmeCounts checks how many directives README says there are, which -update writes.
func TestReadmeCounts(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), countsBegin)
	had, after, ended := strings.Cut(rest, countsEnd)
	if !found || !ended {
		t.Fatalf("%s has no place for the counts: %q to %q", readme, countsBegin, countsEnd)
	}
	want := counts()
	switch {
	case had == want:
	case *update:
		if err := os.WriteFile(readme, []byte(before+countsBegin+want+countsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s says\n%s\nthe table says\n%s\nrun go test ./config -update", readme, had, want)
	}
}

// counts is what becomes of the directives, in numbers.
func counts() string {
	var n [Command + 1]int
	noted := 0
	for _, d := range Directives() {
		n[d.Status]++
		if d.Status == Harmless && d.Reason != "" {
			noted++
		}
	}
	waiting := ""
	if n[Planned] > 0 {
		waiting = fmt.Sprintf(", and does not support %d yet", n[Planned])
	}
	return fmt.Sprintf("Of the %d directives of OpenVPN 2.0 to 2.7 (and a few of our own), Culvert honours %d, %d of them commands.\n"+
		"It accepts %d that change nothing here, %d of these with a note, and notes %d that are for Windows.\n"+
		"It refuses %d, with the reason and what to do instead%s. [All of them](docs/directives.md).\n",
		len(Directives()), n[Supported]+n[Negotiated]+n[Command], n[Command], n[Harmless], noted, n[WindowsOnly], n[Refused], waiting)
}
