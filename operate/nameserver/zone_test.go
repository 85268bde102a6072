package nameserver

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// TestClaims: of several clients that have a name, the best claim is answered: no user's name
// takes the place of a device's.
func TestClaims(t *testing.T) {
	z := zone()
	z.Enter(4, "x.phone.alice", "phone.alice", netip.MustParseAddr("10.8.0.66"))
	z.Enter(5, "Phone.Alice", "", netip.MustParseAddr("10.8.0.67"))
	z.Enter(6, "alice", "", netip.MustParseAddr("10.8.0.68"))
	s := New(z, nil, nil, slog.New(slog.DiscardHandler))
	ask := func(name, want string) {
		t.Helper()
		if got := said(s.reply(v4, question(name, dns.TypeA), false)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	ask("phone.alice.vpn", "NOERROR A 10.8.0.7")
	ask("alice.vpn", "NOERROR A 10.8.0.68")
	z.Leave(6)
	ask("alice.vpn", "NOERROR A 10.8.0.8 A 10.8.0.7")
	z.Leave(1)
	ask("phone.alice.vpn", "NOERROR A 10.8.0.67")
	z.Leave(5)
	ask("phone.alice.vpn", "NOERROR A 10.8.0.66")
	for number := range uint64(6) {
		z.Leave(number + 1)
	}
	if ask("alice.vpn", "NXDOMAIN SOA"); len(z.forward) != 1 || len(z.above) != 1 {
		t.Errorf("left over: %v, %v", z.forward, z.above)
	}
}

// TestBelow: a name with others below it is there, as long as they are.
func TestBelow(t *testing.T) {
	z := zone()
	s := New(z, nil, nil, slog.New(slog.DiscardHandler))
	z.Enter(4, "a.b.c", "", netip.MustParseAddr("10.8.0.66"))
	z.Enter(5, "d.c", "", netip.MustParseAddr("10.8.0.67"))
	for _, then := range []struct {
		want   string
		leaves uint64
	}{{"NOERROR SOA", 5}, {"NOERROR SOA", 4}, {"NXDOMAIN SOA", 4}} {
		if got := said(s.reply(v4, question("c.vpn", dns.TypeA), false)); got != then.want {
			t.Errorf("%s, want %s", got, then.want)
		}
		z.Leave(then.leaves)
	}
}
