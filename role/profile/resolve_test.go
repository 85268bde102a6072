package profile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"culvert/config"
)

// anyAdapter is one that this machine has.
func anyAdapter(t *testing.T) net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil || len(all) == 0 {
		t.Fatalf("this machine has no adapter: %v", err)
	}
	return all[0]
}

// TestZonesStay: an address is what was written, with its adapter by name.
func TestZonesStay(t *testing.T) {
	adapter := anyAdapter(t)
	for written, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::1", "fe80::1": "fe80::1", "fe80::1%no-such-if": "fe80::1%no-such-if",
		"fe80::1%" + adapter.Name:                "fe80::1%" + adapter.Name,
		"fe80::1%" + strconv.Itoa(adapter.Index): "fe80::1%" + adapter.Name,
	} {
		got, err := SystemResolver(t.Context(), "ip", written)
		if err != nil || !slices.Equal(got, []netip.Addr{netip.MustParseAddr(want)}) {
			t.Errorf("%s: %v, %v; want %s", written, got, err, want)
		}
	}
}

func TestFamilyOfAddresses(t *testing.T) {
	for network, address := range map[string]string{"ip4": "2001:db8::1", "ip6": "192.0.2.1"} {
		if got, err := SystemResolver(t.Context(), network, address); err == nil || !strings.Contains(err.Error(), "`proto`") {
			t.Errorf("%s of %s: %v, %v", network, address, got, err)
		}
	}
}

// TestUnanswered: the words for a name without an address say who was asked and
// what to look at, and nothing that differs with each try.
func TestUnanswered(t *testing.T) {
	remote := config.Remote{Host: "vpn.example", Port: "1194"}
	for want, dns := range map[string]*net.DNSError{
		"the name could not be looked up: the name server 192.0.2.53:53 gives no answer (i/o timeout): is there a network": {
			Err: "read udp 127.0.0.1:53656->192.0.2.53:53: i/o timeout", Server: "192.0.2.53:53", IsTimeout: true},
		"the name server 192.0.2.53:53 gives no answer (connection refused)": {Err: "read udp 127.0.0.1:5->192.0.2.53:53: read: connection refused", Server: "192.0.2.53:53"},
		"this host's resolver gives no answer (server misbehaving)":          {Err: "server misbehaving"},
		"the name has no address: the name server 192.0.2.53:53 knows no such name: is it written right": {
			Err: "no such host", Server: "192.0.2.53:53", IsNotFound: true},
	} {
		_, err := LookupHost(t.Context(), func(context.Context, string, string) ([]netip.Addr, error) {
			return nil, fmt.Errorf("asked past the tunnel: %w", dns)
		}, remote, remote.Host)
		text := strings.Replace(err.Error(), "asked past the tunnel: ", "", 1)
		if !strings.HasPrefix(err.Error(), "remote vpn.example: ") || !strings.Contains(text, want) || strings.Contains(text, "->") || !errors.As(err, &dns) {
			t.Errorf("%v: %v, want %q", dns, err, want)
		}
	}
}

// TestScoped: a link-local address has the adapter that leads to it, from
// itself or what our sockets are bound to; no other address needs one.
func TestScoped(t *testing.T) {
	name := anyAdapter(t).Name
	for _, c := range []struct {
		cfg        config.Config
		addr, want string // want "" with an error
	}{
		{config.Config{}, "192.0.2.1", "192.0.2.1"},
		{config.Config{}, "169.254.0.1", "169.254.0.1"},
		{config.Config{}, "2001:db8::1", "2001:db8::1"},
		{config.Config{}, "fe80::1%" + name, "fe80::1%" + name},
		{config.Config{Link: config.Link{BindDev: name}}, "fe80::1", "fe80::1%" + name},
		{config.Config{Link: config.Link{Local: "fe80::2%" + name}}, "fe80::1", "fe80::1%" + name},
		{config.Config{Link: config.Link{Local: "192.0.2.1"}}, "fe80::1", ""},
		{config.Config{}, "fe80::1", ""},
		{config.Config{}, "fe80::1%no-such-if", ""},
	} {
		got, err := Scoped(c.cfg.Link, netip.MustParseAddr(c.addr))
		if (err != nil) != (c.want == "") || err == nil && got.String() != c.want {
			t.Errorf("%s with bind-dev %q, local %q: %v, %v; want %q", c.addr, c.cfg.Link.BindDev, c.cfg.Link.Local, got, err, c.want)
		}
	}
}

// TestPresentServer: who is asked is in the file now, whoever was before.
func TestPresentServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	for _, c := range []struct{ now, asked, want string }{
		{"nameserver 192.0.2.1\nnameserver 2001:db8::1\n", "10.8.0.1:53", "192.0.2.1:53"},
		{"nameserver 192.0.2.1\nnameserver 2001:db8::1\n", "[2001:db8::1]:53", "[2001:db8::1]:53"},
		{"nameserver fe80::1%eth0\n", "[fe80::1%eth0]:53", "[fe80::1%eth0]:53"},
		{"", "127.0.0.1:53", "127.0.0.1:53"},
	} {
		if err := os.WriteFile(file, []byte(c.now), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := presentServer(file).instead(c.asked); got != c.want {
			t.Errorf("%q, %s: %s, want %s", c.now, c.asked, got, c.want)
		}
	}
	if got := presentServer(file + ".not").instead("10.8.0.1:53"); got != "10.8.0.1:53" {
		t.Errorf("without a file: %s", got)
	}
}
