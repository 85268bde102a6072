//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"culvert/operate/doctor"
)

// doctorPage is the table in docs/doctor.md: a line for each fault.
type doctorPage struct {
	page  docPage
	mu    sync.Mutex
	lines []string // by the fault's place; "" where it was not seen
}

// newDoctorPage returns a page of so many lines, which is written or checked when the
// test and all that is below it have ended.
func newDoctorPage(t *testing.T, n int) *doctorPage {
	p := &doctorPage{page: docPage{"../../docs/doctor.md", "TestDoctor"}, lines: make([]string, n)}
	t.Cleanup(func() {
		if !t.Failed() {
			p.end(t)
		}
	})
	return p
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

func (p *doctorPage) saw(i int, a ailment, onServer bool, f *doctor.Finding) {
	where, fixed := "client", ""
	if onServer {
		where = "server"
	}
	if a.fixed {
		fixed = "yes"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines[i] = fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", where, a.name, a.check, general(f.Text), general(f.Mend), fixed)
}

// end writes the table, or looks for each line in it.
func (p *doctorPage) end(t *testing.T) {
	if *updateDocs {
		if slices.Contains(p.lines, "") {
			t.Fatal("a fault was not seen, so the page cannot be written")
		}
		p.page.write(t, "| on the | planted | check | it says | and to mend it | by `--fix` |\n|---|---|---|---|---|---|\n"+strings.Join(p.lines, ""))
		return
	}
	_, table, _ := p.page.cut(t)
	for _, line := range p.lines {
		if !strings.Contains(table, line) {
			t.Errorf("docs/doctor.md has no line (-update-docs writes it):\n%s", line)
		}
	}
}
