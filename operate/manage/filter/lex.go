package filter

import (
	"fmt"
	"strings"
)

// lexer cuts an expression into words and signs. The token is "" at the end.
type lexer struct {
	text  string
	at    int // after the token
	token string
}

// signs are those of two bytes first.
var signs = []string{"&&", "||", "<=", ">=", "!=", "==", "<<", ">>", "(", ")", "[", "]", "!", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^"}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// isWord holds what an address, a name or a number is made of. A network's
// slash and a name's hyphen are part of the word, unless within brackets.
func (l *lexer) isWord(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '\\':
		return true
	case c == ':':
		return !l.within()
	}
	return false
}

// within reports whether the lexer stands in brackets, where ':' is a sign.
func (l *lexer) within() bool {
	before := l.text[:l.at]
	return strings.LastIndexByte(before, '[') > strings.LastIndexByte(before, ']')
}

func (l *lexer) next() error {
	for l.at < len(l.text) && isSpace(l.text[l.at]) {
		l.at++
	}
	rest := l.text[l.at:]
	if rest == "" {
		l.token = ""
		return nil
	}
	n := 0
	for n < len(rest) && (l.isWord(rest[n]) || n > 0 && l.joins(rest, n)) {
		n++
	}
	if n == 0 {
		n = sign(rest)
	}
	if n == 0 && rest[0] == ':' {
		n = 1
	}
	if n == 0 {
		return fmt.Errorf("filter: %q at position %d has no meaning; expected words such as host, port, tcp, and, or, not", rest[0], l.at+1)
	}
	l.token = rest[:n]
	l.at += n
	return nil
}

// joins reports whether a hyphen or slash belongs to a word, and is no operator.
func (l *lexer) joins(rest string, n int) bool {
	return (rest[n] == '-' || rest[n] == '/') && n+1 < len(rest) && l.isWord(rest[n+1]) && !l.within()
}

func sign(rest string) int {
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			return len(s)
		}
	}
	return 0
}
