package management

import (
	"bufio"
	"errors"
	"slices"
	"strings"
)

// maxLine is the longest line that a reader may send, in bytes. Longer ones are
// skipped to their end, and answered with an error.
const maxLine = 8 << 10

// errLong reports a line that is longer than maxLine.
var errLong = errors.New("line is too long")

// readLine returns the next line without its end, which is LF, and without what cannot be
// printed: as with OpenVPN, control characters are dropped wherever they stand, CR too, and
// all but the tab. It fails with errLong after a line that was too long, and reads on then.
// What follows the last line end is half a command, which is never returned.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		long = long || len(line)+len(part) > maxLine
		if !long {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return "", err
		case long:
			return "", errLong
		}
		return string(slices.DeleteFunc(line, func(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f })), nil
	}
}

// The words of a command, by the rules of OpenVPN's configuration files.

// optionsError is what is wrong with a command that does not end as it should, in
// OpenVPN's words.
type optionsError string

func (e optionsError) Error() string { return "Options error: " + string(e) + " in management command" }

const (
	errQuote       = optionsError(`No closing quotation (")`)
	errSingleQuote = optionsError("No closing single quotation (')")
	errResidue     = optionsError("Residual parse state (backslash)")
)

// errBackslash reports a backslash before what needs none. As with OpenVPN, the command is
// not obeyed, since whoever sent a password so would have another one taken for it.
const errBackslash = backslashError("a backslash, a double quote or a space has to follow; write two backslashes for one")

// backslashError says what has to follow a backslash.
type backslashError string

func (e backslashError) Error() string {
	return `Options warning: Bad backslash ('\') usage in management command: ` + string(e)
}

// Append appends words as a command, so that Parse returns them again. A word must hold
// no line end.
func Append(b []byte, words ...string) []byte {
	for i, word := range words {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, '"')
		for j := range len(word) {
			if word[j] == '"' || word[j] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, word[j])
		}
		b = append(b, '"')
	}
	return b
}

// Parse cuts a command into words, by the rules of OpenVPN's configuration files
// (management-notes, "Command Parsing"): white space separates words; quotes enclose
// some; a backslash outside of single quotes lets a backslash, a double quote or white space
// stand for itself, and is an error before anything else; what begins with # or ; is a
// comment.
func Parse(line string) (words []string, err error) {
	for {
		line = strings.TrimLeft(line, " \t\r\n\v\f")
		if line == "" || line[0] == '#' || line[0] == ';' {
			return words, nil
		}
		var word string
		if line[0] == '\'' {
			var closed bool
			if word, line, closed = strings.Cut(line[1:], "'"); !closed {
				return nil, errSingleQuote
			}
		} else if word, line, err = parseWord(line); err != nil {
			return nil, err
		}
		words = append(words, word)
	}
}

// parseWord takes one word, which may be in double quotes.
func parseWord(s string) (word, rest string, err error) {
	var w strings.Builder
	quoted, escaped := s[0] == '"', false
	if quoted {
		s = s[1:]
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case escaped && strings.IndexByte("\\\" \t", c) < 0:
			return "", "", errBackslash
		case escaped:
			w.WriteByte(c)
			escaped = false
		case c == '\\':
			escaped = true
		case quoted && c == '"':
			return w.String(), s[i+1:], nil
		case !quoted && strings.IndexByte(" \t\r\n\v\f", c) >= 0:
			return w.String(), s[i:], nil
		default:
			w.WriteByte(c)
		}
	}
	switch {
	case quoted:
		return "", "", errQuote
	case escaped:
		return "", "", errResidue
	}
	return w.String(), "", nil
}
