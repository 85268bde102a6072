package config

import (
	"strings"
	"testing"
)

// TestForWindows: what is for Windows is ignored elsewhere, and there too.
func TestForWindows(t *testing.T) {
	for _, c := range []struct {
		system, note string
	}{{"linux", "only for Windows, ignored here"}, {"windows", "ignored: Culvert has no use for it"}} {
		for _, place := range []Where{InFile, InPush} {
			b := newBuilder(readForms)
			b.system, b.place = c.system, place
			b.apply(&call{Pos: Pos{"x", 1}, name: "register-dns"}, place)
			var notes []string
			for _, n := range b.notes {
				notes = append(notes, n.Text)
			}
			got := strings.Join(notes, "\n")
			if len(b.errs) > 0 || !strings.Contains(got, c.note) {
				t.Errorf("on %s, %s: %v, %q", c.system, place.phrase(), b.errs, got)
			}
		}
	}
}
