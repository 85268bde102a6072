// Package domain says what may stand where the name of a host or a domain is
// expected. A name goes on to files and programs in which a blank or a line end
// begins something else.
package domain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of RFC 1035, section 2.3.4, in bytes; of a name with its dots, as
// written.
const (
	maxLabel = 63
	maxName  = 253
)

// Valid reports whether s may be the name of a host or a domain: labels of up to
// 63 letters, digits, hyphens and underscores, none of which begins with a
// hyphen, and with their dots up to 253 bytes. Letters may be of any script; a
// dot may be the last character.
func Valid(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > maxName || !utf8.ValidString(s) {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || strings.ContainsFunc(label, foreign) {
			return false
		}
	}
	return true
}

// foreign reports a character that no name has.
func foreign(r rune) bool {
	if r < utf8.RuneSelf {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}
	return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Nd)
}
