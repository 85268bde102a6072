package bringup

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"culvert/host/hostnet"
)

// namedHost is a host that takes every State, with a name server of its own.
type namedHost struct {
	mu      sync.Mutex
	want    hostnet.State
	own     netip.AddrPort
	learned []netip.Addr
	undone  bool
	partial error
}

func (h *namedHost) Update(_ context.Context, want hostnet.State) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.want = want
	return h.partial
}
func (h *namedHost) Undo(context.Context) error { h.undone = true; return nil }
func (h *namedHost) Changes() []string          { return nil }
func (h *namedHost) Resolvers(context.Context, string) (hostnet.Resolvers, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return hostnet.Resolvers{Servers: []hostnet.NameServer{{Addr: h.want.DNS.Local}, {Addr: h.own}}}, nil
}
func (h *namedHost) Learn(_ context.Context, addrs []netip.Addr, _ time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.learned = append(h.learned, addrs...)
	return nil
}

// forget returns what was learned.
func (h *namedHost) forget() []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.learned
	h.learned = nil
	return l
}

// nameServer answers every question over UDP with one address.
func nameServer(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) == nil {
				m.Response = true
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}}
				msg, _ := m.Pack()
				conn.WriteTo(msg, from)
			}
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// lookup asks the resolver of a State.
func lookup(t *testing.T, at netip.AddrPort, name string) ([]netip.Addr, error) {
	t.Helper()
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at.String())
	}}
	return r.LookupNetIP(t.Context(), "ip4", name)
}

// TestDividedState: a State whose names are to be divided names a resolver, which learns what
// is chosen before it answers, follows updates, and is gone after Undo.
func TestDividedState(t *testing.T) {
	h := &namedHost{own: nameServer(t), partial: &hostnet.PartialError{}}
	o := Options{Apply: func(_ context.Context, want hostnet.State) (Applied, error) { h.want = want; return h, h.partial }}
	want := hostnet.State{Device: "tun0", Chosen: &hostnet.Chosen{Learn: true}, DNS: &hostnet.DNS{Domains: []string{"corp.example"}, Learned: []string{"*.corp.example"}}}
	a, err := o.dividing()(t.Context(), want)
	if !errors.Is(err, h.partial) {
		t.Fatal(err)
	}
	at := h.want.DNS.Local
	if !at.IsValid() || want.DNS.Local.IsValid() {
		t.Fatalf("asked for %+v, and changed %+v", h.want.DNS, want.DNS)
	}
	for name, learned := range map[string]int{"news.example.": 0, "www.corp.example.": 1, "corp.example.": 0} {
		h.forget()
		if addrs, err := lookup(t, at, name); err != nil || !slices.Equal(addrs, []netip.Addr{netip.MustParseAddr("192.0.2.1")}) {
			t.Errorf("%s: %v, %v", name, addrs, err)
		}
		if got := h.forget(); len(got) != learned {
			t.Errorf("%s: learned %v", name, got)
		}
	}
	want.DNS = nil
	if err := a.Update(t.Context(), want); !errors.Is(err, h.partial) || h.want.DNS != nil {
		t.Errorf("%v, %+v", err, h.want)
	}
	if err := a.Undo(t.Context()); err != nil || !h.undone {
		t.Error(err)
	}
	if _, err := lookup(t, at, "news.example."); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("after Undo: %v", err)
	}
}

// TestLearnedOutside: a State whose names are excepted refuses what is the tunnel's, and one
// whose names are chosen learns it.
func TestLearnedOutside(t *testing.T) {
	for outside, learned := range map[bool]int{true: 0, false: 1} {
		h := &namedHost{own: nameServer(t)}
		o := Options{Apply: func(_ context.Context, want hostnet.State) (Applied, error) { h.want = want; return h, nil }}
		want := hostnet.State{Device: "tun0", Addresses: []hostnet.Address{{Prefix: netip.MustParsePrefix("192.0.2.6/24")}},
			Chosen: &hostnet.Chosen{Learn: !outside, LearnOutside: outside}, DNS: &hostnet.DNS{Learned: []string{"corp.example"}, Outside: []string{"corp.example"}}}
		a, err := o.dividing()(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lookup(t, h.want.DNS.Local, "www.corp.example."); err != nil {
			t.Error(err)
		}
		if got := h.forget(); len(got) != learned {
			t.Errorf("outside %v: learned %v", outside, got)
		}
		_, trouble := (&Adapter{applied: a}).Learned()
		if (trouble != nil) != outside {
			t.Errorf("outside %v: %v", outside, trouble)
		}
		if err := a.Undo(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestUndivided: a State without domains needs no resolver; one that cannot be had leaves none.
func TestUndivided(t *testing.T) {
	var got hostnet.State
	fails := errors.New("no")
	o := Options{Apply: func(_ context.Context, want hostnet.State) (Applied, error) { got = want; return nil, fails }}
	for _, dns := range []*hostnet.DNS{nil, {Servers: []netip.AddrPort{netip.MustParseAddrPort("10.8.0.1:0")}}, {Domains: []string{"search.example"}}} {
		if a, err := o.dividing()(t.Context(), hostnet.State{Device: "tun0", DNS: dns}); a != nil || err != fails || got.DNS != dns {
			t.Errorf("%v, %v, %+v", a, err, got.DNS)
		}
	}
	a, err := o.dividing()(t.Context(), hostnet.State{Device: "tun0", DNS: &hostnet.DNS{Learned: []string{"corp.example"}}})
	if a != nil || err != fails || !got.DNS.Local.IsValid() {
		t.Errorf("%v, %v, %+v", a, err, got.DNS)
	}
	if _, err := lookup(t, got.DNS.Local, "news.example."); err == nil {
		t.Error("a resolver is left")
	}
}

// TestOwnServers: the resolver does not ask itself, nor the tunnel's servers, and remembers.
func TestOwnServers(t *testing.T) {
	addr := netip.MustParseAddrPort
	asks := 0
	o := &ownServers{self: addr("127.94.0.1:53"), but: []netip.AddrPort{addr("10.8.0.1:0")}, ask: func(context.Context, string) (hostnet.Resolvers, error) {
		asks++
		return hostnet.Resolvers{Servers: []hostnet.NameServer{{Addr: addr("127.94.0.1:53")}, {Addr: addr("10.8.0.1:53")}, {Addr: addr("192.0.2.53:853"), TLS: true, Name: "dns.example"}}}, nil
	}}
	for range 3 {
		if list, err := o.list(t.Context(), "a.example"); err != nil || len(list) != 1 || list[0].Addr != addr("192.0.2.53:853") || !list[0].TLS || list[0].Name != "dns.example" {
			t.Errorf("%+v, %v", list, err)
		}
	}
	for n := range 3 * ownMost {
		o.list(t.Context(), netip.AddrFrom4([4]byte{byte(n >> 8), byte(n)}).String())
	}
	if asks != 1+3*ownMost || len(o.known) > ownMost {
		t.Errorf("asked %d times, remembers %d", asks, len(o.known))
	}
}
