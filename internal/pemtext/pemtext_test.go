package pemtext

import (
	"strings"
	"testing"
)

func TestFound(t *testing.T) {
	blockOf := func(n int) string { return "-----BEGIN " + strings.Repeat("K", n) + "-----\n" }
	for text, want := range map[string]string{
		"":                                      "nothing: it is empty",
		" \n":                                   "nothing: it is empty",
		"\ufeff  -----BEGIN PRIVATE KEY-----\n": `a PEM block of type "PRIVATE KEY"`,
		blockOf(59):                             "a PEM block of type",
		blockOf(60):                             "76 bytes of other text",
		"\x30\x82\x01\x00":                      "binary data (DER or PKCS #12); convert it to PEM: openssl x509 -inform DER",
		"\xff\xfe-\x00":                         "text in UTF-16; save it as UTF-8",
		"<html>":                                "HTML or XML",
		"hunter2":                               "7 bytes of other text",
		"\x00\x01\x02":                          "3 bytes of binary data",
	} {
		if got := Found([]byte(text), "CERTIFICATE"); !strings.HasPrefix(got, want) {
			t.Errorf("%.40q: found %s, want %s", text, got, want)
		}
	}
	if got := Found([]byte("\x30\x82\x01\x00"), "OpenVPN Static key V1"); got != "4 bytes of binary data" {
		t.Errorf("found %s where no program could convert it", got)
	}
}

func TestTidy(t *testing.T) {
	const joined = "\ufeff  -----BEGIN A-----\r\n\tAAAA \r\n-----END A----------BEGIN B-----\nBBBB\n-----END B----- behind"
	const want = "-----BEGIN A-----\nAAAA\n-----END A-----\n-----BEGIN B-----\nBBBB\n-----END B-----\n"
	if got := string(Tidy([]byte(joined))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
