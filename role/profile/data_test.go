package profile

import (
	"testing"

	"culvert/session/negotiate"
)

// TestDigestIsAnnounced: a server that takes its ciphers from the options string
// alone needs the digest in it, as stock OpenVPN 2.5 writes it.
func TestDigestIsAnnounced(t *testing.T) {
	for lines, want := range map[string]string{
		"":                                     "SHA1",
		"auth SHA256":                          "SHA256",
		"auth SHA512\ncipher AES-256-CBC":      "SHA512",
		"auth SHA256\ncipher AES-256-GCM":      "[NULL-DIGEST]",
		"allow-insecure-none\nauth none":       "[NULL-DIGEST]",
		"data-ciphers-fallback AES-128-GCM":    "[NULL-DIGEST]",
		"comp-lzo no\nfragment 1200\nauth MD5": "MD5",
	} {
		s, err := Session(clientConfig(t, lines), false, unheard)
		if err != nil {
			t.Fatal(err)
		}
		if got := negotiate.OptionValue(s.Options, "auth"); got != want {
			t.Errorf("%q: the options string has the digest %q, not %q: %s", lines, got, want, s.Options)
		}
	}
}
