package check

import (
	"strings"
	"unicode/utf8"

	"culvert/config"
)

// fixer finds what is to be written in another way.
type fixer struct {
	*subject
	others  []string // settings of lines for the other end
	excuses excuses
}

// edits returns the edits that make a modern configuration, in no order.
func (f fixer) edits() (all []edit) {
	for i := 0; i < len(f.lines); {
		n := f.together(i)
		if e, ok := f.rewrite(i, n); ok {
			all = append(all, e)
		}
		i += n
	}
	return append(all, f.between()...)
}

// together is how many lines share a line of the file with line i, with it. What is in
// a <connection> block stands for itself, unless the block is in one line.
func (f fixer) together(i int) (n int) {
	last := f.lines[i].Last
	if l := f.lines[i]; l.Name == "connection" && l.Inline && l.Last > l.Pos.Line {
		return 1
	}
	for n = 1; i+n < len(f.lines) && f.lines[i+n].Pos.Line <= last; n++ {
		last = max(last, f.lines[i+n].Last)
	}
	return n
}

// rewrite writes n lines from line i on anew, where one of them needs it.
func (f fixer) rewrite(i, n int) (e edit, needed bool) {
	e.first, e.last = f.lines[i].Pos.Line, f.lines[i].Last
	e.Line = e.first
	var why []string
	for k, l := range f.lines[i : i+n] {
		e.last = max(e.last, l.Last)
		if m, ok := f.modern(i + k); ok {
			e.rows = append(e.rows, withComment(m.rows, l.Comment)...)
			e.Setting = append(e.Setting, m.settings...)
			why, needed = append(why, m.why), true
			continue
		}
		e.rows = append(e.rows, f.plain(l)...)
	}
	if text := f.misspelt(f.lines[i], n); text != "" {
		why, needed = append(why, text), true
	}
	e.Text = strings.Join(why, "; ")
	return e, needed
}

// withComment puts a line's comment behind the first of the lines that take its place.
// Where none does, it stays as a line of its own.
func withComment(rows []string, comment string) []string {
	switch {
	case comment == "":
		return rows
	case len(rows) == 0 || len(rows[0])+len(comment)+1 > mostStock:
		return append(commentRows(comment), rows...)
	}
	return append([]string{rows[0] + " " + comment}, rows[1:]...)
}

// plain writes a line, or a block, as every OpenVPN reads it.
func (f fixer) plain(l config.Line) []string {
	if !l.Inline {
		return withComment([]string{l.String()}, l.Comment)
	}
	rows := []string{"<" + l.Name + ">"}
	for _, row := range strings.Split(strings.TrimSuffix(string(l.Body), "\n"), "\n") {
		rows = append(rows, strings.TrimSuffix(row, "\r"))
	}
	return append(rows, "</"+l.Name+">")
}

// isHard reports whether stock does not read a line's blanks, or its length.
func isHard(row string) bool {
	return len(row) > mostStock || strings.ContainsAny(row, "\u00a0\u200b\x00\x1a\v\f") || strings.Contains(strings.TrimPrefix(row, "\ufeff"), "\ufeff")
}

// misspelt says why n lines from l on are to be written anew although they say what
// they should, "" if they are not.
func (f fixer) misspelt(l config.Line, n int) string {
	switch {
	case n > 1:
		return "each directive gets a line of its own"
	case l.Inline && l.Name == "connection" && l.Last > l.Pos.Line:
		return ""
	case !l.Inline && l.Pos.Line <= len(f.rows) && isHard(string(f.rows[l.Pos.Line-1])):
		return "stock does not read such blanks, or lines of 256 bytes and more"
	}
	switch {
	case f.noteAt(l, "text on the line of"):
		return "the tags of a block get lines of their own"
	case f.noteAt(l, "a single backslash"):
		return "backslashes are doubled"
	}
	return ""
}

// between mends lines without a directive: comments and blanks that stock does not
// read.
func (f fixer) between() (all []edit) {
	covered := make([]bool, len(f.rows)+2)
	for _, l := range f.lines {
		if l.Name == "connection" && l.Inline {
			continue
		}
		for i := l.Pos.Line; i <= min(l.Last, len(f.rows)); i++ {
			covered[i] = true
		}
	}
	for i, row := range f.rows {
		number := i + 1
		text := strings.TrimRight(string(row), "\x1a\x00")
		if covered[number] || !isHard(text) && text == string(row) {
			continue
		}
		e := edit{Change: Change{Line: number, Text: "stock does not read such blanks, or lines of 256 bytes and more"}, first: number, last: number}
		if text = strings.Trim(text, " \t\v\f\u00a0\u200b\ufeff"); text != "" {
			e.rows = commentRows(text)
		} else {
			e.rows = []string{""}
		}
		all = append(all, e)
	}
	return all
}

// commentRows cuts a comment into lines that stock reads.
func commentRows(text string) (rows []string) {
	const most = 200
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune("\x00\x1a\v\f\u00a0\u200b\ufeff", r) {
			return ' '
		}
		return r
	}, text)
	for len(text) > most {
		at := most
		for at > most-utf8.UTFMax && !utf8.RuneStart(text[at]) {
			at--
		}
		if blank := strings.LastIndexByte(text[:at], ' '); blank > most/2 {
			at = blank + 1
		}
		rows = append(rows, strings.TrimRight(text[:at], " "))
		text = "# " + text[at:]
	}
	return append(rows, text)
}
