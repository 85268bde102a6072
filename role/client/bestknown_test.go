package client

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/role/event"
)

// lettingNobodyIn has a server answer first packets and nothing else.
func lettingNobodyIn(network *simnet.Network, server string) {
	mute := netip.MustParseAddrPort(server)
	network.Change(func(o *simnet.Options) {
		pass := o.Filter
		o.Filter = func(from, to netip.AddrPort, b []byte) bool {
			return pass(from, to, b) && !(to == mute && len(b) > 0 && b[0]>>3 != 7)
		}
	})
}

// TestFastestRotates: a server that lets nobody in is left out also where it is one address
// of a name, and each answer has them in another order.
func TestFastestRotates(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		for _, at := range []string{firstAt, secondAt, thirdAt} {
			serve(t, network, at)
		}
		newFarther(network, map[string]time.Duration{firstAt: 40 * time.Millisecond, secondAt: 10 * time.Millisecond, thirdAt: 90 * time.Millisecond})
		lettingNobodyIn(network, secondAt)
		var asked atomic.Int32
		c := connect(t, network, profileText("remote vpn.example", "remote-select fastest", "hand-window 5", "connect-retry 1", ada), func(o *Options) {
			o.Resolve = func(context.Context, string, string) ([]netip.Addr, error) {
				list := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}
				k := int(asked.Add(1)) % 3
				return append(list[k:], list[:k]...), nil
			}
		})
		at(t, c, 1, time.Minute, firstAt)
	})
}

// TestFastestSleeps: a host that wakes goes on with the server that it had, which has
// forgotten it, and with no other.
func TestFastestSleeps(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		clock := &fakeClock{began: time.Now()}
		_, servers, c := threeServersWith(t, network, func(o *Options) { o.clock, o.Network = clock.now, &fakeNetwork{way: wifi} }, ada)
		at(t, c, 1, time.Minute, secondAt)
		ping(t, c, servers, 200*time.Millisecond)
		for i := range 8 {
			time.Sleep(3*time.Minute + time.Duration(i)*37*time.Millisecond)
			servers[secondAt].forget()
			clock.sleep(time.Hour)
		}
		time.Sleep(time.Minute)
		for _, m := range reported[event.Moving](c) {
			if m.Remote.Addr.String() != secondAt {
				t.Errorf("moved to %v: %s", m.Remote, m.Why)
			}
		}
		if ups := reported[event.Up](c); len(ups) != 9 {
			t.Errorf("up %d times", len(ups))
		}
	})
}

// TestFastestAsks: where only the user can log in to another server, the client stays, says
// so once, and says of no server that it refused.
func TestFastestAsks(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, _, c := threeServersWith(t, network, func(o *Options) {
			o.Ask = func(string, bool) (string, error) { return "answer", nil }
		}, `static-challenge "Code?" 1`, "auth-user-pass")
		at(t, c, 1, time.Minute, secondAt)
		time.Sleep(time.Minute)
		f.change(func(f *farther) { f.delay[netip.MustParseAddrPort(secondAt)] = 300 * time.Millisecond })
		time.Sleep(20 * time.Minute)
		for _, r := range c.Controls().Servers() {
			if strings.Contains(r.Why, "let this client in") || r.Chosen != strings.Contains(r.Name, "192.0.2.2") {
				t.Errorf("%+v", r)
			}
		}
		if stayed := reported[event.Stayed](c); len(stayed) != 1 {
			t.Errorf("said that it stays: %v", stayed)
		}
	})
}
