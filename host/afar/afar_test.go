package afar

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

var errNobody = errors.New("nobody listens")

// away is a dialer of a host whose files are out of reach since, and what it dials.
func away(t *testing.T, resolv, hosts string) (d *Dialer, dialed *[]string) {
	t.Helper()
	dir := t.TempDir()
	r, h := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "hosts")
	for name, text := range map[string]string{r: resolv, h: hosts} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d = newDialer(r, h)
	if err := errors.Join(os.Remove(r), os.Remove(h)); err != nil {
		t.Fatal(err)
	}
	dialed = new([]string)
	d.dial = func(_ context.Context, network, address string) (net.Conn, error) {
		*dialed = append(*dialed, network+" "+address)
		return nil, errNobody
	}
	return d, dialed
}

// TestHosts: each address of a name is tried, in order, and others as they are written.
func TestHosts(t *testing.T) {
	d, dialed := away(t, "", "192.0.2.1 LDAP.example ldap # comment\n2001:db8::1\tldap.example\nbad ldap.example\n192.0.2.9\n")
	for _, address := range []string{"ldap.EXAMPLE.:636", "192.0.2.7:389", "[::1]:389"} {
		if _, err := d.DialContext(t.Context(), "tcp", address); !errors.Is(err, errNobody) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if want := []string{"tcp 192.0.2.1:636", "tcp [2001:db8::1]:636", "tcp 192.0.2.7:389", "tcp [::1]:389"}; !slices.Equal(*dialed, want) {
		t.Errorf("dialed %v, want %v", *dialed, want)
	}
}

// TestNames are asked for with the domains of the file.
func TestNames(t *testing.T) {
	for _, c := range []struct{ resolv, host, want string }{
		{"search a.example b.example.", "ldap", "ldap.a.example. ldap.b.example. ldap."},
		{"search a.example", "ldap.corp", "ldap.corp. ldap.corp.a.example."},
		{"search a.example\noptions ndots:2", "ldap.corp", "ldap.corp.a.example. ldap.corp."},
		{"search a.example", "ldap.", "ldap."},
		{"", "ldap", "ldap."},
	} {
		d, _ := away(t, c.resolv, "")
		if got := strings.Join(d.names(c.host), " "); got != c.want {
			t.Errorf("%q, %s: %s, want %s", c.resolv, c.host, got, c.want)
		}
	}
}

// TestServer: the name server of the file is asked, though package net does not see it.
func TestServer(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	s := &dns.Server{PacketConn: conn, NotifyStartedFunc: func() { close(ready) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		switch {
		case q.Question[0].Name != "ldap.corp.example.":
			m.Rcode = dns.RcodeNameError
		case q.Question[0].Qtype == dns.TypeA:
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(192, 0, 2, 5)}}
		}
		w.WriteMsg(m)
	})}
	ended := make(chan error, 1)
	go func() { ended <- s.ActivateAndServe() }()
	<-ready
	defer func() {
		if err := errors.Join(s.Shutdown(), <-ended); err != nil {
			t.Error(err)
		}
	}()
	d, dialed := away(t, "nameserver 192.0.2.53\nsearch corp.example", "")
	refuse := d.dial
	d.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if network == "udp" && address == "192.0.2.53:53" {
			return new(net.Dialer).DialContext(ctx, network, conn.LocalAddr().String())
		}
		return refuse(ctx, network, address)
	}
	if _, err := d.DialContext(t.Context(), "tcp", "ldap:389"); !errors.Is(err, errNobody) {
		t.Fatal(err)
	}
	if want := []string{"tcp 192.0.2.5:389"}; !slices.Equal(*dialed, want) {
		t.Errorf("dialed %v, want %v", *dialed, want)
	}
	var unknown *net.DNSError
	if _, err := d.DialContext(t.Context(), "tcp", "nobody.example:389"); !errors.As(err, &unknown) || !unknown.IsNotFound {
		t.Errorf("a name that nobody has: %v", err)
	}
}

// TestWithinReach: as long as the file can be found, the system's own way is used.
func TestWithinReach(t *testing.T) {
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(resolv, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := newDialer(resolv, "/nowhere")
	d.hosts = map[string][]netip.Addr{"ldap": {netip.MustParseAddr("192.0.2.1")}}
	dialed := ""
	d.dial = func(_ context.Context, _, address string) (net.Conn, error) {
		dialed = address
		return nil, errNobody
	}
	if _, err := d.DialContext(t.Context(), "tcp", "ldap:389"); err == nil || dialed != "ldap:389" {
		t.Errorf("dialed %q, %v", dialed, err)
	}
}

func FuzzHosts(f *testing.F) {
	f.Add([]byte("127.0.0.1 localhost # here\n::1 localhost ip6-localhost\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, all := range parseHosts(text) {
			if name != strings.ToLower(name) || len(all) == 0 {
				t.Errorf("%q: %v", name, all)
			}
		}
	})
}
