// Package pemtext reads PEM as people hand it in: it forgives what editors and
// copying do to a text, and describes what a text holds instead of a block.
package pemtext

import (
	"bytes"
	"fmt"
	"strings"
)

// Tidy strips blanks at both ends of every line, byte order marks, and anything
// that follows an END line on the same line. That is often the next BEGIN, when
// files were joined whose last line had no line ending.
func Tidy(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\ufeff"), nil)
	text = bytes.ReplaceAll(text, []byte("----------BEGIN "), []byte("-----\n-----BEGIN "))
	out := make([]byte, 0, len(text)+1)
	for line := range bytes.Lines(text) {
		line = bytes.Trim(line, " \t\r\n")
		if kind, isEnd := bytes.CutPrefix(line, []byte("-----END ")); isEnd {
			if i := bytes.Index(kind, []byte("-----")); i >= 0 {
				line = line[:len(line)-len(kind)+i+5]
			}
		}
		out = append(append(out, line...), '\n')
	}
	return out
}

// Found describes what a text holds where a block of type want, such as
// CERTIFICATE, was expected. It quotes nothing of the text, which may be a secret.
func Found(text []byte, want string) string {
	text = bytes.TrimSpace(text)
	_, begin, isPEM := bytes.Cut(Tidy(text), []byte("-----BEGIN "))
	kind, _, whole := bytes.Cut(begin, []byte("-----"))
	switch {
	case len(text) == 0:
		return "nothing: it is empty"
	case isPEM && whole && len(kind) < 60:
		return fmt.Sprintf("a PEM block of type %q", kind)
	case text[0] == 0x30 && !isText(text) && converters[want] != "":
		return "binary data (DER or PKCS #12); convert it to PEM: " + converters[want] + ", or openssl pkcs12"
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")), bytes.HasPrefix(text, []byte("-\x00")), bytes.HasPrefix(text, []byte("\x00-")):
		return "text in UTF-16; save it as UTF-8"
	case text[0] == '<':
		return "HTML or XML: a web page was saved in its place"
	case isText(text):
		return fmt.Sprintf("%d bytes of other text", len(text))
	}
	return fmt.Sprintf("%d bytes of binary data", len(text))
}

// converters are commands that turn DER into PEM, by the type of the block.
var converters = map[string]string{
	"CERTIFICATE": "openssl x509 -inform DER -in FILE -out NEWFILE",
	"PRIVATE KEY": "openssl pkey -inform DER -in FILE -out NEWFILE",
	"X509 CRL":    "openssl crl -inform DER -in FILE -out NEWFILE",
}

func isText(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n\f", r) || r == '\uFFFD' }) < 0
}
