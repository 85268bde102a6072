//go:build interop

package interop

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var updateDocs = flag.Bool("update-docs", false, "write what TestPeers, TestStacks, TestWhy and TestDoctor saw into docs/peers.md, docs/adapter.md, docs/why.md and docs/doctor.md")

// docPage is a page of docs, a part of which a test writes: that between two
// lines that name the test.
type docPage struct{ path, test string }

func (p docPage) marks() (begin, end string) {
	return "<!-- written by " + p.test + " -->\n", "<!-- end of what " + p.test + " writes -->\n"
}

// cut is the page before, in and after that part.
func (p docPage) cut(t *testing.T) (before, part, after string) {
	t.Helper()
	text, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := p.marks()
	before, rest, ok1 := strings.Cut(string(text), begin)
	part, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no lines %q and %q, between which %s writes", p.path, begin, end, p.test)
	}
	return before, part, after
}

// write makes text the part.
func (p docPage) write(t *testing.T, text string) {
	t.Helper()
	before, _, after := p.cut(t)
	begin, end := p.marks()
	if err := os.WriteFile(p.path, []byte(before+begin+text+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
