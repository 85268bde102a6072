package digest

import (
	"strings"
	"testing"
)

func TestLookup(t *testing.T) {
	for name, want := range map[string]string{
		"sha256": "SHA256", "SHA-512/256": "SHA512-256", "blake2B-512": "BLAKE2b512", "rmd160": "RIPEMD160",
	} {
		if d, err := Lookup(name); err != nil || d.Name != want {
			t.Errorf("%s: %s, %v", name, d.Name, err)
		}
	}
	for _, name := range []string{"", "none", "whirlpool", "RSA-SHA256"} {
		_, err := Lookup(name)
		if err == nil || !strings.Contains(err.Error(), "MD5, SHA1, SHA224, SHA256") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
