package admission

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestOwnAddresses: an address that a file gives is kept from the moment that the file is
// there, by the next client at the latest after two seconds where it is changed in place,
// and as long as it is there; one with faults keeps what it gave before.
func TestOwnAddresses(t *testing.T) {
	f := filesOf(t, false, map[string]string{
		"anna": "ifconfig-push 10.8.0.2 255.255.255.0\nifconfig-ipv6-push fd00:8::5/64\n", "bert": "push-reset\n", ".hidden": "ifconfig-push 10.8.0.9 255.255.255.0\n",
	})
	dir, now := f.cfg.Server.ClientConfigDir, time.Now()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	says := func(when string, want ...string) {
		t.Helper()
		var got []string
		for _, a := range []string{"10.8.0.2", "10.8.0.3", "10.8.0.4", "10.8.0.9", "fd00:8::5"} {
			if f.kept.keeps(netip.MustParseAddr(a)) {
				got = append(got, a)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: kept are %v, want %v", when, got, want)
		}
	}
	says("not read yet")
	f.kept.refresh(now)
	says("read", "10.8.0.2", "fd00:8::5")

	write("anna", "ifconfig-push 10.8.0.33 255.255.255.0\nifconfig-push\n")
	f.kept.refresh(now.Add(readAgain - 1))
	says("changed just now", "10.8.0.2", "fd00:8::5")
	f.kept.refresh(now.Add(readAgain))
	says("with a fault", "10.8.0.2", "fd00:8::5")

	write("anna", "ifconfig-push 10.8.0.3 255.255.255.0\n")
	if _, err := f.settingsOf(t, "anna"); err != nil {
		t.Fatal(err)
	}
	says("read for its client", "10.8.0.3")

	write("carl", "ifconfig-push 10.8.0.4 255.255.255.0\n")
	past := now.Add(-time.Hour) // the clock of files may be coarse
	if err := os.Chtimes(dir, past, past); err != nil {
		t.Fatal(err)
	}
	f.kept.refresh(now.Add(readAgain))
	says("another file", "10.8.0.3", "10.8.0.4")

	if err := os.Remove(filepath.Join(dir, "anna")); err != nil {
		t.Fatal(err)
	}
	f.kept.refresh(now.Add(time.Hour))
	says("a file less", "10.8.0.4")

	next := newOwnAddresses(f.cfg)
	next.follow(f.kept)
	if !next.keeps(netip.MustParseAddr("10.8.0.4")) || next.keeps(netip.MustParseAddr("10.8.0.3")) {
		t.Error("another configuration forgot what is kept, or knows more")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	f.kept.refresh(now.Add(2 * time.Hour))
	says("no directory any more", "10.8.0.4")
}
