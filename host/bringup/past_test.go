package bringup

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"culvert/host/hostnet"
	"culvert/nic"
	"culvert/nic/ether"
)

// host takes every State, and has some name servers.
type host struct {
	states  []hostnet.State
	undone  bool
	servers []hostnet.NameServer
	fail    error
}

func (h *host) Update(_ context.Context, want hostnet.State) error {
	h.states, h.undone = append(h.states, want), false
	return h.fail
}
func (h *host) Undo(context.Context) error {
	h.undone = true
	return nil
}
func (*host) Changes() []string { return nil }
func (h *host) Resolvers(context.Context, string) (hostnet.Resolvers, error) {
	return hostnet.Resolvers{Servers: h.servers}, nil
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func route(dst string, bypass bool) hostnet.Route {
	return hostnet.Route{Dst: netip.MustParsePrefix(dst), Bypass: bypass}
}

func TestCarries(t *testing.T) {
	full := hostnet.State{Routes: []hostnet.Route{route("0.0.0.0/1", false), route("128.0.0.0/1", false), route("203.0.113.7/32", true)},
		Addresses: []hostnet.Address{{Prefix: netip.MustParsePrefix("fd00:8::2/64")}}}
	local := full
	local.BlockLocal = true
	for _, c := range []struct {
		state State
		to    string
		want  bool
	}{
		{State{State: full}, "203.0.113.53", true}, {State{State: full}, "203.0.113.7", false},
		{State{State: full}, "2001:db8::1", false}, {State{State: full}, "fd00:8::1", true},
		{State{State: full}, "127.0.0.1", false}, {State{State: local}, "::1", false},
		{State{State: local}, "2001:db8::1", true}, {State{State: local}, "fe80::1", false},
		{State{Ethernet: &ether.Network{}}, "192.0.2.1", true}, {State{}, "192.0.2.1", false},
	} {
		if got := (&Adapter{present: present{state: c.state}}).Carries(ip(c.to)); got != c.want {
			t.Errorf("%s: %v; the state is %+v", c.to, got, c.state)
		}
	}
}

// TestPast: routes past the tunnel stand as long as it takes, also where some of
// them cannot be had, and are gone after.
func TestPast(t *testing.T) {
	want := State{State: hostnet.State{Device: "tun0", Routes: []hostnet.Route{route("0.0.0.0/1", false)}}}
	six := netip.MustParsePrefix("2001:db8::1/128")
	for _, fail := range []error{nil, &hostnet.PartialError{Failures: []hostnet.Failure{{What: "name resolution"}, {Route: six}}}} {
		h := &host{fail: fail}
		a := &Adapter{NIC: nic.NewNull("tun0", nic.IP, 1500), applied: h, present: present{state: want}}
		failed := errors.New("not answered")
		err := a.Past(t.Context(), []netip.Addr{ip("192.0.2.1"), ip("2001:db8::1")}, func(past []netip.Addr) error {
			if !slices.Contains(past, ip("192.0.2.1")) || slices.Contains(past, six.Addr()) == (fail != nil) {
				t.Errorf("%v are past the tunnel with %v", past, fail)
			}
			now := h.states[len(h.states)-1]
			if len(h.states) != 1 || !slices.Contains(now.Routes, route("192.0.2.1/32", true)) || !slices.Contains(now.Routes, route("2001:db8::1/128", true)) {
				t.Errorf("asked in %+v", h.states)
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Errorf("%v for an error of the question", err)
		}
		if len(h.states) != 2 || !slices.Equal(h.states[1].Routes, want.Routes) {
			t.Errorf("left in %+v", h.states)
		}
	}
	h := &host{fail: hostnet.ErrPermission}
	a := &Adapter{NIC: nic.NewNull("tun0", nic.IP, 1500), applied: h, present: present{state: want}}
	err := a.Past(t.Context(), []netip.Addr{ip("192.0.2.1")}, func([]netip.Addr) error { t.Error("asked without routes"); return nil })
	if !errors.Is(err, hostnet.ErrPermission) || len(h.states) != 2 {
		t.Errorf("%v, %d states", err, len(h.states))
	}
}

// TestPastTogether: calls that run at once do not take each other's way, nor does an Update;
// the host is changed for what is new alone, and not at all once the adapter is closed.
func TestPastTogether(t *testing.T) {
	want := func(dst string) State {
		return State{State: hostnet.State{Device: "tun0", Routes: []hostnet.Route{route(dst, false)}}}
	}
	h := &host{}
	a := NewAdapter(nic.NewNull("tun0", nic.IP, 1500), h, want("0.0.0.0/1"))
	held := func(when string, states int, dst string, past ...string) {
		t.Helper()
		routes := []hostnet.Route{route(dst, false)}
		for _, p := range past {
			routes = append(routes, route(p, true))
		}
		if now := h.states[len(h.states)-1]; len(h.states) != states || !slices.Equal(now.Routes, routes) {
			t.Errorf("%s: %d states, the last has %v, want %d and %v", when, len(h.states), now.Routes, states, routes)
		}
	}
	begin := func(to ...string) (end func() error) {
		var addrs []netip.Addr
		for _, addr := range to {
			addrs = append(addrs, ip(addr))
		}
		begun, over, done := make(chan bool), make(chan bool), make(chan error)
		go func() {
			done <- a.Past(t.Context(), addrs, func(past []netip.Addr) error {
				if !slices.Equal(past, addrs) {
					t.Errorf("%v of %v go past the tunnel", past, addrs)
				}
				begun <- true
				<-over
				return nil
			})
		}()
		<-begun
		return func() error {
			over <- true
			return <-done
		}
	}
	one, two := begin("192.0.2.1"), begin("192.0.2.1", "192.0.2.2")
	held("two ask", 2, "0.0.0.0/1", "192.0.2.1/32", "192.0.2.2/32")
	if err := a.Update(t.Context(), want("10.0.0.0/8")); err != nil {
		t.Error(err)
	}
	held("another state", 3, "10.0.0.0/8", "192.0.2.1/32", "192.0.2.2/32")
	if err := one(); err != nil {
		t.Error(err)
	}
	held("one is done", 3, "10.0.0.0/8", "192.0.2.1/32", "192.0.2.2/32")
	three := begin("192.0.2.1")
	if err := two(); err != nil {
		t.Error(err)
	}
	held("two are done", 4, "10.0.0.0/8", "192.0.2.1/32")
	h.fail = &hostnet.PartialError{Failures: []hostnet.Failure{{Route: netip.MustParsePrefix("192.0.2.1/32")}}}
	if err := a.Update(t.Context(), want("0.0.0.0/1")); err != nil || a.Partial != nil {
		t.Errorf("%v, and the state lacks %v", err, a.Partial)
	}
	if err := errors.Join(a.Close(), three()); err != nil || !h.undone {
		t.Errorf("closed: %v, undone %v", err, h.undone)
	}
	if err := a.Past(t.Context(), []netip.Addr{ip("192.0.2.1")}, nil); err == nil || !h.undone {
		t.Errorf("after that: %v, undone %v", err, h.undone)
	}
}

// TestResolversOfTheTunnel are left out while there are others.
func TestResolversOfTheTunnel(t *testing.T) {
	server := func(s string) hostnet.NameServer {
		return hostnet.NameServer{Addr: netip.AddrPortFrom(ip(s), 53)}
	}
	pushed, dhcp, before := server("10.8.0.1"), server("10.8.0.2"), server("192.0.2.1")
	want := State{State: hostnet.State{DNS: &hostnet.DNS{Servers: []netip.AddrPort{netip.AddrPortFrom(ip("10.8.0.1"), 0)}}},
		Ethernet: &ether.Network{DNS: []netip.Addr{ip("10.8.0.2")}}}
	for _, c := range [][2][]hostnet.NameServer{
		{{pushed, before, dhcp}, {before}}, {{pushed}, {pushed}}, {{before}, {before}}, {nil, nil},
	} {
		a := &Adapter{applied: &host{servers: c[0]}, present: present{state: want}}
		if r, err := a.Resolvers(t.Context(), "vpn.example"); err != nil || !slices.Equal(r.Servers, c[1]) {
			t.Errorf("of %v: %v, %v", c[0], r.Servers, err)
		}
	}
}
