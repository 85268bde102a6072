package setup

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"culvert/config"
)

// parseConf reads a generated file as culvert itself does. Our own files leave
// nothing to remark on.
func parseConf(t *testing.T, name string, text []byte) *config.Config {
	t.Helper()
	c, err := config.ParseFile(name, text, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Notes {
		t.Errorf("%s:%d: %s", n.Pos.File, n.Pos.Line, n.Text)
	}
	return c
}

func TestCulvertReadsServerConf(t *testing.T) {
	o := initOptions(filepath.Join(t.TempDir(), "my vpn"))
	o.Port = 443
	r, err := Init(o)
	if err != nil {
		t.Fatal(err)
	}
	c := parseConf(t, r.Config, read(t, r.Config))
	if !c.TLSServer || c.Link.LocalPort != 443 || c.Server.Network != r.Network || c.Server.NetworkIPv6 != r.Network6 {
		t.Errorf("server %v, port %d, networks %v and %v", c.TLSServer, c.Link.LocalPort, c.Server.Network, c.Server.NetworkIPv6)
	}
	if c.Trust.RemoteCertTLS != config.ClientUsage || c.Trust.TLSCryptV2 == nil || c.Server.PoolPersist != filepath.Join(r.Dir, "ipp.txt") {
		t.Errorf("usage %v, tls-crypt-v2 %v, pool %q", c.Trust.RemoteCertTLS, c.Trust.TLSCryptV2, c.Server.PoolPersist)
	}
}

func TestForceCookie(t *testing.T) {
	for _, forced := range []bool{false, true} {
		o := initOptions(filepath.Join(t.TempDir(), "vpn"))
		o.ForceCookie = forced
		r, err := Init(o)
		if err != nil {
			t.Fatal(err)
		}
		if c := parseConf(t, r.Config, read(t, r.Config)); c.Trust.TLSCryptV2ForceCookie != forced {
			t.Errorf("asked for %t, the file says %t", forced, c.Trust.TLSCryptV2ForceCookie)
		}
	}
}

func TestCulvertReadsProfile(t *testing.T) {
	for _, host := range []string{"vpn.example.org", "192.0.2.1", "2001:db8::1"} {
		o := initOptions(filepath.Join(t.TempDir(), "vpn"))
		o.Host = host
		r, err := Init(o)
		if err != nil {
			t.Fatal(err)
		}
		text, err := AddClient(clientOptions(r.Dir, "anna"))
		if err != nil {
			t.Fatal(err)
		}
		c := parseConf(t, "anna.ovpn", text)
		if !c.TLSClient || !c.Pull || len(c.Link.Remotes) != 1 || c.Link.Remotes[0].Host != host || c.Link.Remotes[0].Port != "1194" {
			t.Errorf("%s: client %v, remotes %v", host, c.TLSClient, c.Link.Remotes)
		}
		if c.Trust.RemoteCertTLS != config.ServerUsage || c.Trust.VerifyX509Name == nil || c.Trust.VerifyX509Name.Name != serverName {
			t.Errorf("usage %v, name %v", c.Trust.RemoteCertTLS, c.Trust.VerifyX509Name)
		}
	}
}

// TestNetworksAsGiven: what the server leases from is what was asked for.
func TestNetworksAsGiven(t *testing.T) {
	o := initOptions(filepath.Join(t.TempDir(), "vpn"))
	o.Network, o.Network6 = netip.MustParsePrefix("172.16.0.0/16"), netip.MustParsePrefix("fd00:1:2:3::/64")
	r, err := Init(o)
	if err != nil {
		t.Fatal(err)
	}
	if c := parseConf(t, r.Config, read(t, r.Config)); c.Server.Network != o.Network || c.Server.NetworkIPv6 != o.Network6 {
		t.Errorf("networks %v and %v", c.Server.Network, c.Server.NetworkIPv6)
	}
}
