package config

import (
	"strings"
	"testing"
)

// TestForWindows: what is for Windows is ignored elsewhere, and there too unless it does
// something.
func TestForWindows(t *testing.T) {
	for _, c := range []struct {
		system, name string
		note         string
		blocked      bool
	}{
		{"linux", "block-outside-dns", "only for Windows, ignored here", false},
		{"linux", "register-dns", "only for Windows, ignored here", false},
		{"windows", "block-outside-dns", "", true},
		{"windows", "register-dns", "ignored: Culvert has no use for it", false},
	} {
		for _, place := range []Where{InFile, InPush} {
			b := newBuilder(readForms)
			b.system, b.place = c.system, place
			b.apply(&call{Pos: Pos{"x", 1}, name: c.name}, place)
			var notes []string
			for _, n := range b.notes {
				notes = append(notes, n.Text)
			}
			got := strings.Join(notes, "\n")
			if len(b.errs) > 0 || b.Routing.BlockOutsideDNS != c.blocked || !strings.Contains(got, c.note) || c.note == "" && got != "" {
				t.Errorf("%s on %s, %s: %v, %v, %q", c.name, c.system, place.phrase(), b.errs, b.Routing.BlockOutsideDNS, got)
			}
		}
	}
	if d, _ := Lookup("block-outside-dns"); !strings.Contains(d.State(), "honoured on Windows") {
		t.Error(d.State())
	}
}
