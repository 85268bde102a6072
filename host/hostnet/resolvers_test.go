package hostnet

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// asked are the servers for a name, as text.
func asked(t *testing.T, a *Applied) (servers []string, changed bool) {
	t.Helper()
	r, err := a.Resolvers(t.Context(), "vpn.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Servers {
		servers = append(servers, s.Addr.Addr().String())
	}
	return servers, r.Changed
}

func mustAsk(t *testing.T, a *Applied, changed bool, want ...string) {
	t.Helper()
	if got, c := asked(t, a); !slices.Equal(got, want) || c != changed {
		t.Errorf("%v, changed %v; want %v, %v", got, c, want, changed)
	}
}

// TestResolversOfBefore: they are those of the file that the State replaced,
// and of what others write later.
func TestResolversOfBefore(t *testing.T) {
	k, dir := newTwin(), t.TempDir()
	h := newProcesses().start(k, dir, 1, nil)
	a := mustApply(t, h, redirected())
	if strings.Contains(k.files["/etc/resolv.conf"], "192.168.1.1") {
		t.Fatal("the State replaced no name server")
	}
	mustAsk(t, a, true, "192.168.1.1")
	k.files["/etc/resolv.conf"] = "nameserver 198.51.100.1\nnameserver 192.168.1.1\n"
	mustAsk(t, a, true, "198.51.100.1", "192.168.1.1")
	s := redirected()
	s.DNS = nil
	if err := a.Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	mustAsk(t, a, false, "198.51.100.1", "192.168.1.1")
}

// TestResolversUnchanged: where the State leaves names alone, they are those of
// the file, and of the file before where a DHCP client has written it.
func TestResolversUnchanged(t *testing.T) {
	k := newTwin()
	s := redirected()
	s.DNS = nil
	a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, nil), s)
	mustAsk(t, a, false, "192.168.1.1")
	k.files["/etc/resolv.conf"] = "nameserver 10.8.0.1\n"
	mustAsk(t, a, false, "10.8.0.1", "192.168.1.1")
	delete(k.files, "/etc/resolv.conf")
	mustAsk(t, a, false, "192.168.1.1")
}

// TestResolversOfAnotherTunnel: below a tunnel that was there before, names are
// those of that tunnel, and once it is gone, of the host.
func TestResolversOfAnotherTunnel(t *testing.T) {
	k, dir, ps := newTwin(), t.TempDir(), newProcesses()
	k.links["tun1"] = k.links["tun0"]
	outer := mustApply(t, ps.start(k, dir, 1, nil), State{Device: "tun1", DNS: &DNS{Servers: servers("10.1.0.1")}})
	inner := mustApply(t, ps.start(k, dir, 2, nil), State{Device: "tun0", DNS: &DNS{Servers: servers("10.2.0.1")}})
	mustAsk(t, inner, true, "10.1.0.1")
	mustUndo(t, outer)
	mustAsk(t, inner, true, "192.168.1.1")
}

func TestResolversOfService(t *testing.T) {
	k := newTwin()
	withResolved(k)
	a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, nil), redirected())
	mustAsk(t, a, true, "192.168.1.1")

	k = elsewhere(nameService{name: "Windows"})
	k.resolved = map[string]string{}
	s := redirected()
	a = mustApply(t, newProcesses().start(k, t.TempDir(), 1, nil), State{Device: s.Device, DNS: s.DNS})
	if _, err := a.Resolvers(t.Context(), "vpn.example"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("known where they are not: %v", err)
	}
}

func TestParseResolvConf(t *testing.T) {
	const standard = "search [] dots 1 timeout 5s attempts 2"
	for content, want := range map[string]string{
		"":                              "[] " + standard,
		"nameserver 192.0.2.1 # x\n":    "[192.0.2.1:53] " + standard,
		"nameserver fe80::1%eth0":       "[[fe80::1%eth0]:53] " + standard,
		"nameserver\nnameserver home\n": "[] " + standard,
		"#nameserver 192.0.2.1\nnameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4": "[1.1.1.1:53 2.2.2.2:53 3.3.3.3:53] " + standard,
		"nameserver 127.0.0.11\n# ExtServers: [192.0.2.1 host(127.0.0.53) 192.0.2.2]\n# ExtServers:":            "[127.0.0.11:53 192.0.2.1:53 192.0.2.2:53] " + standard,
		"search a b\ndomain c d": "[] search [c] dots 1 timeout 5s attempts 2",
		"domain c\nsearch a b":   "[] search [a b] dots 1 timeout 5s attempts 2",
		"options ndots:3 timeout:1 attempts:4 rotate\noptions edns0":    "[] search [] dots 3 timeout 1s attempts 4",
		"options ndots:99 timeout:99 attempts:99":                       "[] search [] dots 15 timeout 30s attempts 5",
		"options ndots:0 timeout:0 attempts:0 ndots:-1 timeout:x ndots": "[] search [] dots 0 timeout 1s attempts 1",
	} {
		r := parseResolvConf([]byte(content))
		servers := []netip.AddrPort{}
		for _, s := range r.Servers {
			servers = append(servers, s.Addr)
		}
		got := fmt.Sprintf("%v search %v dots %d timeout %v attempts %d", servers, r.Search, r.Dots, r.Timeout, r.Attempts)
		if got != want {
			t.Errorf("%q: %s, want %s", content, got, want)
		}
	}
}

func FuzzParseResolvConf(f *testing.F) {
	f.Add([]byte("nameserver 127.0.0.11\n# ExtServers: [192.0.2.1 host(127.0.0.53)]\n"))
	f.Add([]byte("nameserver 192.0.2.1\nsearch a b\noptions ndots:2 timeout:1\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		r := parseResolvConf(content)
		if len(r.Servers) > 2*maxServers || r.Dots < 0 || r.Timeout < time.Second || r.Attempts < 1 {
			t.Errorf("%q: %+v", content, r)
		}
		for _, s := range r.Servers {
			if !s.Addr.IsValid() {
				t.Errorf("%q: %v", content, s)
			}
		}
	})
}
