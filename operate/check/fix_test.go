package check

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestFix: what is fixed means the same, except for what is said, and needs no second
// fix.
func TestFix(t *testing.T) {
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fixed, err := Fix(name, text, readFixture)
			if err != nil {
				golden(t, name+".fix", "error: "+err.Error()+"\n")
				return
			}
			var s strings.Builder
			for _, c := range fixed.Changes {
				s.WriteString(at(c.Line) + c.Text)
				if len(c.Setting) > 0 {
					s.WriteString(" (" + strings.Join(c.Setting, ", ") + ")")
				}
				s.WriteString("\n")
			}
			golden(t, name+".fix", s.String()+fixed.Diff)
			meansTheSame(t, name, text, fixed)
		})
	}
}

func meansTheSame(t *testing.T, name string, text []byte, fixed *Fixed) {
	t.Helper()
	s := newSubject(name, text, readFixture, noTime)
	before, err := s.parsed(text)
	if err != nil {
		t.Fatal(err)
	}
	after, err := s.parsed(fixed.Text)
	if err != nil {
		t.Fatalf("what is fixed does not parse: %v\n%s", err, fixed.Text)
	}
	var said []string
	for _, c := range fixed.Changes {
		said = append(said, c.Setting...)
	}
	for _, d := range differences(before, after) {
		if !slices.Contains(said, d) {
			t.Errorf("%s differs, which no change says", d)
		}
	}
	again, err := Fix(name, fixed.Text, readFixture)
	if err != nil || len(again.Changes) > 0 || again.Diff != "" {
		t.Errorf("a second fix: %v, %+v\n%s", err, again.Changes, fixed.Text)
	}
}
