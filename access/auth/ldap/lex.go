package ldap

import (
	"fmt"
	"strings"
)

// Error is a fault of the plugin's configuration file.
type Error struct {
	File string
	Line int
	Key  string // or section; "" for none
	// Value is what stands there; "" if that is secret, or nothing.
	Value  string
	Reason string // what was expected
	Mend   string
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s:%d: ", e.File, e.Line)
	if e.Key != "" {
		text += e.Key + ": "
	}
	if e.Value != "" {
		text += fmt.Sprintf("%q: ", e.Value)
	}
	text += e.Reason
	if e.Mend != "" {
		text += "; " + e.Mend
	}
	return text
}

// kind is what a statement of the file is.
type kind int

const (
	sets   kind = iota // a key and its value
	begins             // <section>
	ends               // </section>
)

// statement is one thing that the file says.
type statement struct {
	kind       kind
	line       int
	name       string // the key, or the section
	value      string
	named      bool // the section has a name of its own, which none may have
	unreadable string
}

// maxFile is more than any configuration file has, bytes.
const maxFile = 1 << 20

// lexer cuts the file into statements: sections as in Apache's files, a key and its value
// in a line, comments from # on. A value with blanks stands in quotes, and may then have
// several lines.
type lexer struct {
	text string
	line int
}

// next returns the next statement, and whether there is one.
func (l *lexer) next() (s statement, more bool) {
	for l.text != "" {
		switch c := l.text[0]; {
		case c == '\n':
			l.line++
			l.text = l.text[1:]
		case c == ' ' || c == '\t' || c == '\r':
			l.text = l.text[1:]
		case c == '#':
			l.restOfLine()
		case c == '<':
			return l.section(), true
		default:
			return l.setting(), true
		}
	}
	return s, false
}

// restOfLine takes what is left of this line, without its end.
func (l *lexer) restOfLine() (rest string) {
	rest, _, found := strings.Cut(l.text, "\n")
	l.text = l.text[len(rest):]
	if found && strings.HasSuffix(rest, "\r") {
		rest = rest[:len(rest)-1]
	}
	return rest
}

// section reads <name> or </name>.
func (l *lexer) section() statement {
	s := statement{kind: begins, line: l.line}
	rest := l.restOfLine()
	inside, after, closed := strings.Cut(rest[1:], ">")
	if end, ok := strings.CutPrefix(inside, "/"); ok {
		s.kind, inside = ends, end
	}
	after = strings.TrimSpace(after)
	if !closed || after != "" && after[0] != '#' {
		s.unreadable = "expected one section in the line, such as <LDAP> or </LDAP>"
	}
	words := strings.Fields(inside)
	if len(words) > 0 {
		s.name, s.named = words[0], len(words) > 1
	}
	return s
}

// setting reads a key and its value.
func (l *lexer) setting() statement {
	s := statement{kind: sets, line: l.line}
	end := strings.IndexFunc(l.text, func(r rune) bool { return !isKey(r) })
	if end < 0 {
		end = len(l.text)
	}
	if end == 0 {
		l.restOfLine()
		s.unreadable = "expected a key of letters, a section, or a comment that begins with #"
		return s
	}
	s.name, l.text = l.text[:end], l.text[end:]
	l.text = strings.TrimLeft(l.text, " \t")
	if strings.HasPrefix(l.text, `"`) {
		value, after, closed := strings.Cut(l.text[1:], `"`)
		if !closed {
			l.text = ""
			s.unreadable = "expected a quote at the end of the value"
			return s
		}
		s.value, l.text = value, after
		l.line += strings.Count(value, "\n")
	} else if end := strings.IndexAny(l.text, " \t\r\n"); !strings.HasPrefix(l.text, "#") {
		if end < 0 {
			end = len(l.text)
		}
		s.value, l.text = l.text[:end], l.text[end:]
	}
	if rest := strings.TrimSpace(l.restOfLine()); rest != "" && rest[0] != '#' {
		s.unreadable = "expected one value; one with blanks needs quotes around it"
	}
	return s
}

func isKey(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}
