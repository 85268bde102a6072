package check

import (
	"fmt"
	"io"
	"strings"
)

// titles are the headings of findings in a report for people.
var titles = map[Kind]string{
	Fault:      "Errors",
	Insecure:   "Insecure",
	Deprecated: "Deprecated",
	NoEffect:   "Without effect",
	Remark:     "Remarks",
}

// width is where sentences are broken.
const width = 96

// Print writes a report for people.
func (r *Report) Print(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %s\n\n", r.File, r.Status)
	for _, sentence := range r.Summary {
		wrap(&s, "", sentence)
	}
	r.printLines(&s)
	for _, kind := range kinds {
		r.printKind(&s, kind)
	}
	s.WriteString("\nStock OpenVPN on Linux\n")
	for _, v := range r.Stock {
		fmt.Fprintf(&s, "  %s %s\n", v.Version, v.Word)
		for _, reason := range v.Reasons {
			wrap(&s, "      ", fmt.Sprintf("%s%s: %s", at(reason.Line), reason.Word, reason.Text))
		}
	}
	_, err := io.WriteString(w, s.String())
	return err
}

func (r *Report) printLines(s *strings.Builder) {
	if len(r.Directives) == 0 {
		return
	}
	s.WriteString("\nLines\n")
	for _, d := range r.Directives {
		text := d.Meaning
		if d.Meaning == "" {
			text = "Not a directive."
		}
		if d.State != "" {
			text += " Here: " + d.State + "."
		}
		fmt.Fprintf(s, "  %4d  %s\n", d.Line, d.Text)
		wrap(s, "          ", text)
	}
}

func (r *Report) printKind(s *strings.Builder, kind Kind) {
	first := true
	for _, f := range r.Findings {
		if f.Kind != kind {
			continue
		}
		if first {
			fmt.Fprintf(s, "\n%s\n", titles[kind])
			first = false
		}
		where := at(f.Line)
		if f.File != r.File {
			where = fmt.Sprintf("%s:%d ", f.File, f.Line)
		}
		text := where + f.Text
		if f.Severity == Note {
			text = where + "(note) " + f.Text
		}
		if f.Instead != "" {
			text += "; " + f.Instead
		}
		wrap(s, "  ", text)
	}
}

// at names a line, "" for the file as a whole.
func at(line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: ", line)
}

// wrap writes text in lines of at most width, the first behind indent, the others two
// further.
func wrap(s *strings.Builder, indent, text string) {
	room := width - len(indent)
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			s.WriteString(indent)
		case len(word)+1 > room:
			s.WriteString("\n" + indent + "  ")
			room = width - len(indent) - 2
		default:
			s.WriteByte(' ')
			room--
		}
		s.WriteString(word)
		room -= len(word)
	}
	s.WriteByte('\n')
}
