package policy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is a word of a line, and the column where it begins, from 1, in characters.
type word struct {
	text   string
	column int
	quoted bool
}

// words splits a line at spaces and commas. A word in double quotes may have any of these
// in it. # begins a comment, at the beginning of a word.
func words(line string) ([]word, error) {
	var all []word
	column := 0
	for len(line) > 0 {
		r, size := utf8.DecodeRuneInString(line)
		column++
		switch {
		case r == '#':
			return all, nil
		case r == '"':
			text, _, closed := strings.Cut(line[1:], `"`)
			if !closed {
				return nil, &Error{Column: column, Text: `a quotation mark that opens a name, and none that ends it; add " after the name`}
			}
			all = append(all, word{text, column, true})
			line = line[len(text)+2:]
			column += utf8.RuneCountInString(text) + 1
		case isSpace(r):
			line = line[size:]
		default:
			end := strings.IndexFunc(line, func(r rune) bool { return isSpace(r) || r == '"' })
			if end < 0 {
				end = len(line)
			}
			if bad := strings.IndexFunc(line[:end], func(r rune) bool { return !unicode.IsPrint(r) }); bad >= 0 || !utf8.ValidString(line[:end]) {
				return nil, &Error{Column: column, Text: fmt.Sprintf("%.40q: expected printable text in UTF-8", line[:end])}
			}
			all = append(all, word{line[:end], column, false})
			column += utf8.RuneCountInString(line[:end]) - 1
			line = line[end:]
		}
	}
	return all, nil
}

func isSpace(r rune) bool { return r == ',' || unicode.IsSpace(r) }

// Error is a fault in a file, or in a question.
type Error struct {
	File   string
	Line   int // from 1; 0 in a question
	Column int // from 1, in characters; 0 where it means nothing
	Text   string
}

// Error names the place and says what was expected there.
func (e *Error) Error() string {
	switch {
	case e.Line == 0 && e.Column == 0:
		return e.Text
	case e.Line == 0:
		return fmt.Sprintf("column %d: %s", e.Column, e.Text)
	case e.Column == 0:
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// quote writes a name as it has to stand in a file.
func quote(name string) string {
	if name == "" || strings.ContainsFunc(name, isSpace) || strings.HasPrefix(name, "#") {
		return `"` + name + `"`
	}
	return name
}
