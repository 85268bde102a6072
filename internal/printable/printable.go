// Package printable is the one filter between text from outside (names, reasons,
// answers, anything that a stranger may have written) and a log or a terminal.
package printable

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits in bytes for text that is shown, before escapes make it longer.
const (
	maxName = 256
	maxLine = 8192
)

// Name makes a single word or phrase from a stranger safe to show: like Line, but
// cut at 256 bytes.
func Name(text string) string { return escape(text, maxName) }

// Line makes text safe to show as one line, or as part of one. What is not
// printable (strconv.IsPrint: control characters, line ends, escape sequences,
// marks that change the direction of writing, bytes that are not UTF-8) becomes an
// escape such as \n, \x1b or \u202e. Text is cut at 8,192 bytes.
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
	text, rest := cut(text, limit)
	if clean(text) {
		return text + rest
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 || !strconv.IsPrint(r) {
			quoted := strconv.Quote(text[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String() + rest
}

// Brief returns the beginning of a text, enough to find it again.
func Brief(text string) string {
	const most = 60
	short, rest := cut(text, most)
	return short + rest
}

// cut shortens a text between two characters; rest is a mark that says so.
func cut(text string, limit int) (short, rest string) {
	if len(text) <= limit {
		return text, ""
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit], "…"
}
