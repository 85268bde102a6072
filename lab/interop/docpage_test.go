//go:build interop

package interop

import (
	"flag"
	"os"
	"slices"
	"strings"
	"sync"
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

// docTable is a table in a page, whose every line a subtest sees.
type docTable struct {
	page  docPage
	head  string // its first two lines
	mu    sync.Mutex
	lines []string // by the subtest's place; "" where it was not seen
}

// newDocTable returns a table of so many lines, which is written or checked when the test
// and all that is below it have ended.
func newDocTable(t *testing.T, page docPage, head string, n int) *docTable {
	d := &docTable{page: page, head: head, lines: make([]string, n)}
	t.Cleanup(func() {
		if !t.Failed() {
			d.end(t)
		}
	})
	return d
}

// saw adds the line of a subtest.
func (d *docTable) saw(i int, line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines[i] = line
}

// end writes the table, or looks for each line in it.
func (d *docTable) end(t *testing.T) {
	if *updateDocs {
		if slices.Contains(d.lines, "") {
			t.Fatalf("not every line of %s was seen, so it cannot be written", d.page.path)
		}
		d.page.write(t, d.head+strings.Join(d.lines, ""))
		return
	}
	_, table, _ := d.page.cut(t)
	for _, line := range d.lines {
		if !strings.Contains(table, line) {
			t.Errorf("%s has no line (-update-docs writes it):\n%s", d.page.path, line)
		}
	}
}
