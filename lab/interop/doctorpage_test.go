//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"testing"

	"culvert/operate/doctor"
)

// newDoctorPage is the table in docs/doctor.md: a line for each fault.
func newDoctorPage(t *testing.T, n int) *docTable {
	return newDocTable(t, docPage{"../../docs/doctor.md", "TestDoctor"}, "| on the | planted | check | it says | and to mend it | by `--fix` |\n|---|---|---|---|---|---|\n", n)
}

// variesByRun has what is another in each run, and what stands for it in the table.
var variesByRun = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`/tmp/\S*?/vpn\b`), "DIR"},
	{regexp.MustCompile(`'DIR'`), "DIR"},
	{regexp.MustCompile(`/tmp/\S*/`), ""},
	{regexp.MustCompile(`Culvert CA [0-9a-f]+`), "Culvert CA"},
	{regexp.MustCompile(`[0-9]+ (days|hours|minutes|seconds)`), "N $1"},
	{regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:]+( UTC|Z)?`), "DATE"},
	{regexp.MustCompile(`(kill|process) [0-9]+`), "$1 N"},
	{regexp.MustCompile(`fd[0-9a-f:]+::/64`), "fd00::/64"},
	{regexp.MustCompile(`\|`), `\|`},
}

func general(text string) string {
	for _, v := range variesByRun {
		text = v.what.ReplaceAllString(text, v.as)
	}
	return text
}

// doctorLine is the line of a fault.
func doctorLine(a ailment, onServer bool, f *doctor.Finding) string {
	where, fixed := "client", ""
	if onServer {
		where = "server"
	}
	if a.fixed {
		fixed = "yes"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", where, a.name, a.check, general(f.Text), general(f.Mend), fixed)
}
