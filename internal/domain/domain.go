// Package domain says what is accepted as the name of a host or a domain. Names go
// into files and to programs where a blank or a line end begins something else.
package domain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of RFC 1035, section 2.3.4, in bytes. A name counts with its dots, as
// written.
const (
	maxLabel = 63
	maxName  = 253
)

// Valid reports whether s may be the name of a host or a domain: labels of up to 63
// letters, digits, hyphens and underscores that do not begin with a hyphen, up to
// 253 bytes with the dots. Letters may be of any script. The last character may be
// a dot.
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

// foreign reports whether no name has this character.
func foreign(r rune) bool {
	if r < utf8.RuneSelf {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}
	return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Nd)
}

// ASCII returns a valid name as it is asked for: labels with letters outside of ASCII in
// their xn-- form (RFC 5891), and others as they are.
func ASCII(s string) (string, error) {
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return s, nil
	}
	a, err := lookup.ToASCII(s)
	if err == nil && !Valid(a) {
		err = fmt.Errorf("%.80q is too long", a)
	}
	if err != nil {
		return "", fmt.Errorf("%.80q has no form in ASCII: %w; write it as xn--…", s, err)
	}
	return a, nil
}

// lookup takes underscores, as names in use have them.
var lookup = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false))
