// Package printable is the one filter between text from outside (names, reasons,
// answers, anything that a stranger may have written) and a log or a terminal.
package printable

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits in bytes for text that is shown, escapes included.
const (
	maxName = 256
	maxLine = 8192
)

// mark says that a text was cut.
const mark = "…"

// Name makes a single word or phrase from a stranger safe to show: like Line, but
// cut at 256 bytes, escapes included.
func Name(text string) string { return escape(text, maxName) }

// Line makes text safe to show as one line, or as part of one. What is not
// printable (strconv.IsPrint: control characters, line ends, escape sequences,
// marks that change the direction of writing, bytes that are not UTF-8) becomes an
// escape such as \n, \x1b or \u202e. Text is cut at 8,192 bytes, escapes included.
func Line(text string) string { return escape(text, maxLine) }

// Lines applies Line to each line of a text and keeps the line ends. It is only for
// text of our own, whose foreign parts went through Line or Name.
func Lines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Line(line)
	}
	return strings.Join(lines, "\n")
}

// Value makes text from outside safe as one line that programs read, such as a variable
// or an argument: control characters, whatever could end a line, and what is no UTF-8
// become underscores.
func Value(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' || r == '\uFFFD' {
			return '_'
		}
		return r
	}, text)
}

// clean reports whether nothing in a text needs an escape.
func clean(text string) bool {
	for _, r := range text {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

func escape(text string, limit int) string {
	if len(text) <= limit && clean(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		shown := text[:n]
		if r == utf8.RuneError && n == 1 || !strconv.IsPrint(r) {
			quoted := strconv.Quote(shown)
			shown = quoted[1 : len(quoted)-1]
		}
		if b.Len()+len(shown) > limit {
			return b.String() + mark
		}
		b.WriteString(shown)
		text = text[n:]
	}
	return b.String()
}

// Brief returns the beginning of a text, enough to find it again.
func Brief(text string) string {
	end := 60
	if len(text) <= end {
		return text
	}
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
