package onetime

import (
	"bytes"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestVectors: those of RFC 6238, appendix B, for SHA-1; their last six digits.
func TestVectors(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := At(secret, time.Unix(at, 0)); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

// TestVerify: a clock may be wrong by a step, and no code is good twice.
func TestVerify(t *testing.T) {
	secret, now := []byte("12345678901234567890"), time.Unix(1_800_000_000, 0)
	code := At(secret, now)
	for after, want := range map[time.Duration]bool{-31 * time.Second: false, -30 * time.Second: true, 0: true, 59 * time.Second: true, 60 * time.Second: false} {
		if _, ok := Verify(secret, code, 0, now.Add(after)); ok != want {
			t.Errorf("%v later: %v, want %v", after, ok, want)
		}
	}
	taken, ok := Verify(secret, code[:3]+" "+code[3:]+"\n", 0, now)
	if !ok {
		t.Error("spaces in a code matter")
	}
	if _, ok := Verify(secret, code, taken, now); ok {
		t.Error("a code was good twice")
	}
	if _, ok := Verify(secret, At(secret, now.Add(30*time.Second)), taken, now); !ok {
		t.Error("the code of a later step is not good")
	}
	if _, ok := Verify(secret, code, step(now.AddDate(1, 0, 0)), now); !ok {
		t.Error("a code taken by a clock that was a year ahead locks out")
	}
	for _, wrong := range []string{"", "0", code + "0", strings.Repeat("1", 1000)} {
		if _, ok := Verify(secret, wrong, 0, now); ok {
			t.Errorf("%q is good", wrong)
		}
	}
}

func TestURL(t *testing.T) {
	secret, err := NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := URL("vpn.example.org", "alice", secret)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/vpn.example.org:alice" || u.Query().Get("secret") != Text(secret) {
		t.Errorf("%s", text)
	}
	if _, err := URL("", "alice", secret); err == nil {
		t.Error("no issuer is needed")
	}
}

func TestRecovery(t *testing.T) {
	codes, hashes, err := NewRecovery(rand.Reader)
	if err != nil || len(codes) != recoveryCodes || len(hashes) != recoveryCodes {
		t.Fatal(codes, hashes, err)
	}
	for i, code := range codes {
		if at := Recovery(hashes, strings.ToUpper(strings.ReplaceAll(code, "-", " "))); at != i {
			t.Errorf("code %d is that of %d", i, at)
		}
	}
	for _, wrong := range []string{"", hashes[0], codes[0][1:]} {
		if at := Recovery(hashes, wrong); at >= 0 {
			t.Errorf("%q is good", wrong)
		}
	}
	if _, _, err := NewRecovery(bytes.NewReader(nil)); err == nil {
		t.Error("codes without random bytes")
	}
}
