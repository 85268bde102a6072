//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// newWhyPage is the table in docs/why.md: a line for each fault.
func newWhyPage(t *testing.T, n int) *docTable {
	return newDocTable(t, docPage{"../../docs/why.md", "TestWhy"}, "| They see | Because | Who says it, when | What the log says |\n|---|---|---|---|\n", n)
}

// waits begin the lines that are held back until there is enough to tell.
var waits = regexp.MustCompile(`^(still connecting|a client is stuck|somebody's reset|packets (refused|failed authentication) in the last)`)

// whyLine is the line of a fault.
func whyLine(w why, said string) string {
	when := "at once"
	switch {
	case w.within > 0:
		when = "when it is known"
	case waits.MatchString(leading.ReplaceAllString(said, "")):
		when = fmt.Sprintf("within %d s", int(knownBy.Seconds()))
	}
	return fmt.Sprintf("| %s | %s | %s, %s | %s |\n", w.row, w.fault, w.role, when, generally(said))
}

// What of a line of the log is another each time.
var (
	leading    = regexp.MustCompile(`^\S+ \S+ [A-Z]+ |^culvert: `)
	changing   = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( UTC)?|\d+\.\d+\.\d+\.\d+(:\d+)?|\b\d+( bad| good)|have: \d+|last \d+m?s(: \d+)?`)
	attributes = regexp.MustCompile(`^(.*?)( (address|remote|client|from|adapter|listening|retry-in|told|answered|leased|source)=.*)$`)
	because    = regexp.MustCompile(`(?:.*) (reason|problem|diagnosis)=("(?:[^"\\]|\\.)*"|\S+)`)
)

// mostShown is how much of a line the page has.
const mostShown = 420

// generally is a line of the log without what is another each time.
func generally(line string) string {
	line = leading.ReplaceAllString(line, "")
	if m := because.FindStringSubmatch(line); m != nil {
		line = strings.ReplaceAll(strings.Trim(m[2], `"`), `\"`, `"`)
	} else if m := attributes.FindStringSubmatch(line); m != nil {
		line = m[1]
	}
	line = changing.ReplaceAllStringFunc(line, func(s string) string {
		digits := regexp.MustCompile(`^\d+`)
		switch {
		case strings.HasPrefix(s, "have"):
			return "have: …"
		case strings.HasPrefix(s, "last"):
			return "last …"
		case strings.HasSuffix(s, " bad"), strings.HasSuffix(s, " good"):
			if strings.HasPrefix(s, "0 ") {
				return s
			}
			return digits.ReplaceAllString(s, "…")
		}
		return "…"
	})
	line = strings.ReplaceAll(line, "|", "\\|")
	if len(line) > mostShown {
		line = line[:strings.LastIndexByte(line[:mostShown], ' ')] + " …"
	}
	return line
}
