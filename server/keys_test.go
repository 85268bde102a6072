package server

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestKeysAreRenewed: made with one for 30 days, taken for 60, longer where a login
// lasts longer.
func TestKeysAreRenewed(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Unix(1_800_000_000, 0)
	k := new(keptKeys)
	if !k.renew(now, 0) || len(k.Tokens) != 1 || len(k.Cookie) != 32 {
		t.Fatalf("%+v", k)
	}
	first, cookie := k.Tokens[0].Key, k.Cookie
	if k.renew(now.Add(29*day), 0) || !bytes.Equal(first, k.Tokens[0].Key) {
		t.Error("renewed after 29 days")
	}
	if k.renew(now.Add(31*day), 40*day) {
		t.Error("renewed within a login's time")
	}
	if !k.renew(now.Add(31*day), 0) || len(k.Tokens) != 2 || bytes.Equal(first, k.Tokens[0].Key) || !bytes.Equal(first, k.Tokens[1].Key) {
		t.Error("not renewed after 31 days")
	}
	if !k.renew(now.Add(60*day), 0) || len(k.Tokens) != 1 || bytes.Equal(first, k.Tokens[0].Key) {
		t.Error("kept for 60 days")
	}
	if !bytes.Equal(cookie, k.Cookie) {
		t.Error("another key of cookies")
	}
	if k.renew(now, 0); len(k.Tokens) != 1 || !k.Tokens[0].Made.Equal(now) {
		t.Error("a key of the future is taken")
	}
}

// TestSealedKeys: nobody reads them without the seal, and what was changed is
// refused.
func TestSealedKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "keys-1")
	seal, other := keySeal(make([]byte, 32)), keySeal(bytes.Repeat([]byte{1}, 32))
	k := new(keptKeys)
	k.renew(time.Now(), 0)
	for range 2 {
		if err := seal.save(path, k); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	got := new(keptKeys)
	if err := seal.load(path, got); err != nil || !bytes.Equal(got.Cookie, k.Cookie) || !bytes.Equal(got.Tokens[0].Key, k.Tokens[0].Key) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := other.load(path, new(keptKeys)); err == nil {
		t.Error("opened by another key")
	}
	text, _ := os.ReadFile(path)
	if bytes.Contains(text, []byte("cookie")) {
		t.Error("not sealed")
	}
	for _, damaged := range [][]byte{nil, text[:5], text[:len(text)-1], append(bytes.Clone(text), 0)} {
		os.WriteFile(path, damaged, 0o600)
		if err := seal.load(path, new(keptKeys)); err == nil {
			t.Errorf("%d bytes of %d are taken", len(damaged), len(text))
		}
	}
}
