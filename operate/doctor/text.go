package doctor

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// shell quotes a word for a command line where it needs that.
func shell(word string) string {
	plain := word != "" && strings.IndexFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@=,", r))
	}) < 0
	if plain {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Print writes a result for people.
func (r *Result) Print(w io.Writer) error {
	var b strings.Builder
	word := map[Outcome]string{Well: "ok", Unwell: "NOT WELL", Skipped: "skipped", Unknown: "could not look"}[r.Outcome]
	fmt.Fprintf(&b, "%-15s %s", r.Check, word)
	switch {
	case r.Why != "":
		b.WriteString(": " + r.Why)
	case len(r.Seen) > 0:
		b.WriteString(": " + strings.Join(r.Seen, "; "))
	}
	b.WriteByte('\n')
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  %s: %s\n", f.Severity, f.Text)
		mend := f.Mend
		if f.Fixable && f.Fixed == "" {
			mend += " (--fix does this)"
		}
		for _, line := range [][2]string{{"seen", f.Evidence}, {"mend", mend}, {"done", f.Fixed}, {"undo", f.Undo}, {"not done", f.FixFailed}} {
			if line[1] != "" {
				fmt.Fprintf(&b, "    %s: %s\n", line[0], line[1])
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary is the last line for people.
func (r *Report) Summary() string {
	var problems, warnings, fixed, unknown int
	for _, c := range r.Results {
		if c.Outcome == Unknown {
			unknown++
		}
		for _, f := range c.Findings {
			switch {
			case f.Fixed != "":
				fixed++
			case f.Severity == Problem:
				problems++
			case f.Severity == Warning:
				warnings++
			}
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{problems, "problem"}, {warnings, "warning"}, {fixed, "mended"}, {unknown, "not looked at"}} {
		if p.n == 0 {
			continue
		}
		word := p.word
		if p.n > 1 && (p.word == "problem" || p.word == "warning") {
			word += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", p.n, word))
	}
	if len(parts) == 0 {
		return "Nothing wrong was found."
	}
	return strings.Join(parts, ", ") + "."
}

// day is how dates are shown.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// span is a length of time in words, as exact as people want it.
func span(d time.Duration) string {
	d = d.Abs()
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("%d seconds", int(d.Seconds()))
}
