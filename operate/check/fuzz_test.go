package check

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCheck: whatever a file holds, there is a report and no panic; and what is fixed
// needs no second fix, and means the same.
func FuzzCheck(f *testing.F) {
	names, err := filepath.Glob("testdata/*.*[nf]") // .ovpn and .conf
	if err != nil || len(names) == 0 {
		f.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".json") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	read := func(string) ([]byte, error) { return nil, os.ErrNotExist }
	f.Fuzz(func(t *testing.T, text []byte) {
		const name = "x.conf"
		r := Text(name, text, read, checkedAt)
		if err := r.Print(io.Discard); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		fixed, err := Fix(name, text, read)
		if err != nil {
			return
		}
		s := newSubject(name, text, read, noTime)
		before, err := s.parsed(text)
		if err != nil {
			t.Fatal(err)
		}
		after, err := s.parsed(fixed.Text)
		if err != nil {
			t.Fatalf("%q is fixed as %q: %v", text, fixed.Text, err)
		}
		said := ""
		for _, c := range fixed.Changes {
			said += " " + strings.Join(c.Setting, " ") + " "
		}
		for _, d := range differences(before, after) {
			if !strings.Contains(said, " "+d+" ") {
				t.Errorf("%q is fixed as %q, and %s differs", text, fixed.Text, d)
			}
		}
		if !utf8.Valid(text) {
			return
		}
		if _, err := Fix(name, fixed.Text, read); err != nil {
			t.Errorf("%q is fixed as %q: %v", text, fixed.Text, err)
		}
	})
}
