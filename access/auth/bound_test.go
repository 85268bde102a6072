package auth

import (
	"testing"
	"time"
)

// TestTokenOfOlderKeyAndOtherCertificate: a token is good by a key of before, and
// with nothing but what it was bound to.
func TestTokenOfOlderKeyAndOtherCertificate(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	before := &Tokens{Key: NewTokenKey()}
	text := before.For("phone").Issue(now, "ada", before.Begin(now))
	after := &Tokens{Key: NewTokenKey(), Older: [][]byte{NewTokenKey(), before.Key}}
	for bind, want := range map[string]TokenState{"phone": TokenAuthenticated, "": TokenInvalid, "laptop": TokenInvalid} {
		if got, _ := after.For(bind).Check(now, "ada", text); got != want {
			t.Errorf("with %q: %v, want %v", bind, got, want)
		}
	}
	after.Older = nil
	if got, _ := after.For("phone").Check(now, "ada", text); got != TokenInvalid {
		t.Errorf("by a key that is gone: %v", got)
	}
}
