package domain

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var names = map[string]bool{
	"example.org": true, "example.org.": true, "a": true, "_dmarc.x-y.example": true, "1.168.192.in-addr.arpa": true, "münchen.example": true,
	"xn--mnchen-3ya.example": true, strings.Repeat("a", 63) + ".b": true, strings.Repeat("a.", 126) + "a": true,
	"": false, ".": false, "..": false, ".a": false, "a..b": false, "-a.b": false, "a.-b": false, "a b": false, "a\tb": false,
	"a\nnameserver 6.6.6.6": false, "a\r": false, "a\x00": false, "a\x1b[2J": false, "a;b": false, "a/b": false, "a#b": false, "~a": false,
	"a\u0085b": false, "a\u2028b": false, "a\u202eb": false, "a\u00a0b": false, "a\xffb": false,
	strings.Repeat("a", 64) + ".b": false, strings.Repeat("a.", 127) + "a": false,
}

func TestValid(t *testing.T) {
	for name, want := range names {
		if Valid(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// FuzzValid: what passes is one word of one line, without anything that a
// terminal or a file would take for more.
func FuzzValid(f *testing.F) {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if Valid(name) && strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) }) {
			t.Errorf("%q passes", name)
		}
		if ascii, err := ASCII(name); Valid(name) && err == nil && strings.ContainsFunc(ascii, func(r rune) bool { return r >= unicode.MaxASCII || !unicode.IsPrint(r) || unicode.IsSpace(r) }) {
			t.Errorf("%q becomes %q", name, ascii)
		}
	})
}

func TestASCII(t *testing.T) {
	for name, want := range map[string]string{
		"_a.Example.org.": "_a.Example.org.", "münchen.example": "xn--mnchen-3ya.example", "MÜNCHEN._tcp.example.": "xn--mnchen-3ya._tcp.example.", "faß.example": "xn--fa-hia.example",
		"x\u0301\u0341.xn--a": "",
	} {
		if got, err := ASCII(name); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
