package profile

import (
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"culvert/internal/digest"
	"culvert/session/negotiate"
)

// TestPushPeerInfo: no more of this host is told than was asked for.
func TestPushPeerInfo(t *testing.T) {
	server := netip.MustParseAddr("127.0.0.1")
	told := negotiate.PeerInfo{"IV_VER": "v"}
	if info := WithHost(clientConfig(t, "").Process, told, server); len(info) != 1 {
		t.Errorf("told %v unasked", info)
	}
	c := clientConfig(t, "push-peer-info\nsetenv UV_TEAM blue\nsetenv IV_PLAT_VER mine\nsetenv OTHER x")
	s, err := Session(c, false, unheard)
	if err != nil {
		t.Fatal(err)
	}
	info := WithHost(c.Process, s.PeerInfo, server)
	if info["UV_TEAM"] != "blue" || info["IV_PLAT_VER"] != "mine" || info["OTHER"] != "" || !strings.Contains(info["IV_SSL"], runtime.Version()) {
		t.Errorf("told %v", info)
	}
	if info["IV_HWADDR"] != "" {
		t.Errorf("loopback has no MAC address, told %q", info["IV_HWADDR"])
	}
	if runtime.GOOS == "linux" && WithHost(clientConfig(t, "push-peer-info").Process, told, server)["IV_PLAT_VER"] == "" {
		t.Error("no version of the system")
	}
}

// TestHolds finds an interface by one of its addresses.
func TestHolds(t *testing.T) {
	for _, text := range []string{"10.8.0.1/24", "fd00::1/64"} {
		own := netip.MustParsePrefix(text)
		_, network, _ := net.ParseCIDR(text)
		network.IP = own.Addr().AsSlice()
		if !holds([]net.Addr{&net.IPAddr{}, network}, own.Addr().AsSlice()) {
			t.Errorf("%v is not found", own)
		}
		if holds([]net.Addr{network}, own.Addr().Next().AsSlice()) {
			t.Errorf("%v has its neighbour's address", own)
		}
	}
}

// TestEveryDigestIsTaken: what the protocol can do, `auth` can ask for, by any
// of its names.
func TestEveryDigestIsTaken(t *testing.T) {
	for _, name := range append(digest.Names(), "sha256", "RSA-SHA512", "SHA2-384", "SHA-1", "SHA-512/256", "RMD160", "ripemd-160", "BLAKE2b-512", "BLAKE2s-256", "256") {
		c := clientConfig(t, "auth "+name)
		s, err := Session(c, false, unheard)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d, err := digest.Lookup(name); err == nil && d.Name != s.Digest.Name {
			t.Errorf("%s: became %s", name, s.Digest.Name)
		}
	}
}
