package server_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/simnet"
)

// TestOwnAddressesAreKept: the pool leases nobody an address that client-config-dir gives
// to another client, who finds it free, also where the file came while the server ran.
func TestOwnAddressesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		give := func(name, address string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("ifconfig-push "+address+" 255.255.255.0\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		give("anna", "10.8.0.2")
		w := newWorld(t, simnet.Options{Delay: time.Millisecond})
		s := w.serve("client-config-dir " + dir)
		has := func(name, want string) {
			t.Helper()
			w.connect(name, "")
			for _, c := range s.Clients() {
				if c.Name == name && c.IPv4 != netip.MustParseAddr(want) {
					t.Errorf("%s has %v, want %s", name, c.IPv4, want)
				}
			}
		}
		has("bert", "10.8.0.3")
		give("carl", "10.8.0.4")
		has("dora", "10.8.0.5")
		has("anna", "10.8.0.2")
		has("carl", "10.8.0.4")
		if n := len(s.Clients()); n != 4 {
			t.Errorf("%d clients are in, want 4: one had to leave", n)
		}
	})
}
