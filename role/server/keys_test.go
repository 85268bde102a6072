package server

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestKeysAreRenewed: the first start after 30 days makes another, later where a
// login lasts longer; the one before is taken for 30 days more, however long the
// process ran that made tokens with it.
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
	if !k.renew(now.Add(100*day), 0) || len(k.Tokens) != 2 || bytes.Equal(first, k.Tokens[0].Key) || !bytes.Equal(first, k.Tokens[1].Key) {
		t.Error("the key of a process that ran for 100 days is not taken, or was not renewed")
	}
	if k.renew(now.Add(129*day), 0) || len(k.Tokens) != 2 {
		t.Error("not taken for 29 days after another took its place")
	}
	if !k.renew(now.Add(131*day), 0) || len(k.Tokens) != 2 || bytes.Equal(first, k.Tokens[1].Key) {
		t.Error("taken for 31 days after another took its place")
	}
	if !bytes.Equal(cookie, k.Cookie) {
		t.Error("another key of cookies")
	}
}

// TestKeysAndAWrongClock: a host without a clock of its own begins in 1970, and
// comes to its time later; its users are not asked again for that.
func TestKeysAndAWrongClock(t *testing.T) {
	k, now := new(keptKeys), time.Unix(1_800_000_000, 0)
	k.renew(now, 0)
	first := k.Tokens[0].Key
	for _, at := range []time.Time{time.Unix(60, 0), now} {
		k.renew(at, 0)
		if last := k.Tokens[len(k.Tokens)-1]; !bytes.Equal(last.Key, first) || last.Made.After(at) {
			t.Errorf("at %v: %+v", at, last)
		}
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
