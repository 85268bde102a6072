package config

import (
	"bytes"
	"strings"
)

// otherFormat says what a text is that cannot be a configuration, such as a web
// page saved as a profile; nil if it may be one.
func otherFormat(text []byte) *lexProblem {
	switch {
	case isUTF16(text):
		return &lexProblem{"the file is UTF-16", "save it as UTF-8"}
	case len(text) == 0:
		return nil
	}
	for _, f := range magics {
		if bytes.HasPrefix(text, []byte(f.magic)) {
			return &lexProblem{"the file is " + f.what, f.mend}
		}
	}
	start := bytes.TrimSpace(bytes.TrimPrefix(text[:min(len(text), 1024)], []byte(utf8BOM)))
	for _, f := range openings {
		if n := len(f.magic); len(start) >= n && strings.EqualFold(string(start[:n]), f.magic) {
			return &lexProblem{"the file is " + f.what, f.mend}
		}
	}
	if isBinary(text) {
		return &lexProblem{"the file is not text", "expected a configuration in OpenVPN's language; to use a PKCS#12 file, write pkcs12 FILE; unpack an archive first"}
	}
	return nil
}

// utf8BOM is the byte order mark that some editors put before UTF-8.
const utf8BOM = "\xef\xbb\xbf"

// format is how another kind of file begins.
type format struct{ magic, what, mend string }

const (
	unpack   = "unpack it, and name the profile (.ovpn or .conf) in it"
	download = "what was saved is a page about the profile, or a refusal: log in, and download the profile itself"
)

// magics are compared with a file's first bytes.
var magics = []format{
	{"PK\x03\x04", "a ZIP archive", unpack},
	{"\x1f\x8b", "packed by gzip", unpack},
	{"BZh", "packed by bzip2", unpack},
	{"\xfd7zXZ\x00", "packed by xz", unpack},
	{"\x28\xb5\x2f\xfd", "packed by zstd", unpack},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", unpack},
	{"Rar!", "a RAR archive", unpack},
	{"%PDF-", "a PDF document", "save what it says as text"},
	{`{\rtf`, "a word processor's document (RTF)", "save it as plain text"},
	{"\x7fELF", "a program", "name a profile"},
}

// openings are compared with the first word, in either case.
var openings = []format{
	{"<!doctype", "a web page (HTML)", download},
	{"<html", "a web page (HTML)", download},
	{"<head>", "a web page (HTML)", download},
	{"<body", "a web page (HTML)", download},
	{"<script", "a web page (HTML)", download},
	{"<!--", "a web page (HTML)", download},
	{"<?xml", "an XML document", download},
	{"<svg", "an XML document", download},
	{"<plist", "an XML document", download},
	{"{", "JSON", "what was saved is a program's answer, or another program's settings: download the profile itself"},
	{"[", "another program's, with sections in brackets like WireGuard's or NetworkManager's", "export or download a profile in OpenVPN's language"},
	{"-----BEGIN ", "a certificate or a key", "name it in a configuration, by ca, cert, key, tls-auth or the like"},
}

// isUTF16 recognises UTF-16 by its byte order mark, or by every other byte being
// NUL, as in Latin letters.
func isUTF16(text []byte) bool {
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return true
	}
	head := text[:min(len(text), 256)&^1]
	var nul [2]int
	for i, c := range head {
		if c == 0 {
			nul[i%2]++
		}
	}
	half := len(head) / 2
	return half >= 4 && (nul[0] > half*3/4 && nul[1] == 0 || nul[1] > half*3/4 && nul[0] == 0)
}

// isBinary recognises binary data by its control characters. A few prove nothing,
// nor does another character set.
func isBinary(text []byte) bool {
	head := text[:min(len(text), 1024)]
	controls := 0
	for _, c := range head {
		if c < ' ' && !strings.ContainsRune("\t\r\n\f\v", rune(c)) {
			controls++
		}
	}
	return controls > 5 && controls > len(head)/50
}
