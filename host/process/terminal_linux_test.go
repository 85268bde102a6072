package process

import (
	"os"
	"testing"

	"culvert/host/process/pseudotty"
)

func TestColors(t *testing.T) {
	_, tty := pseudotty.Open(t)
	for _, c := range []struct {
		term, noColor string
		paints, color bool
	}{
		{"xterm-256color", "", true, true},
		{"", "", true, true},
		{"dumb", "", false, false},
		{"xterm", "1", true, false},
		{"xterm", "0", true, false}, // any value but none
		{"dumb", "1", false, false},
	} {
		t.Setenv("TERM", c.term)
		t.Setenv("NO_COLOR", c.noColor)
		if Paints(tty) != c.paints || Colors(tty) != c.color {
			t.Errorf("TERM=%q NO_COLOR=%q: paints %v, colours %v", c.term, c.noColor, Paints(tty), Colors(tty))
		}
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	file, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if Paints(file) || Colors(file) {
		t.Error("a file is no terminal")
	}
}
