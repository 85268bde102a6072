package lease

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/nic/frame"
	"culvert/nic/lan"
)

// crowded is a LAN on which other hosts have addresses.
type crowded struct {
	mu     sync.Mutex
	taken  map[netip.Addr]bool
	ours   map[netip.Addr]func() // how to take them away
	claims []netip.Addr          // all that were asked for
}

func (s *crowded) Claim(_ context.Context, a netip.Addr, lost func()) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = append(s.claims, a)
	if s.taken[a] || s.ours[a] != nil {
		return nil, fmt.Errorf("%v: %w", a, lan.ErrTaken)
	}
	s.ours[a] = lost
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.ours, a)
	}, nil
}

func (*crowded) Lease(context.Context, frame.MAC, string) (*lan.Lease, error) {
	return nil, lan.ErrNoServer
}
func (*crowded) ClientMAC(name string) frame.MAC { return frame.StableMAC(name) }
func (*crowded) Close() error                    { return nil }

// onCrowded is a book with a pool of ten addresses on a LAN.
func onCrowded(t *testing.T, taken ...string) (*Book, *crowded) {
	t.Helper()
	wire := &crowded{taken: make(map[netip.Addr]bool), ours: make(map[netip.Addr]func())}
	for _, a := range taken {
		wire.taken[addr(a)] = true
	}
	p := testLAN("192.0.2.2/24", "2001:db8::2/64")
	p.wire = wire
	l, err := p.layout(&config.Pool{Start: addr("192.0.2.100"), End: addr("192.0.2.109")})
	if err != nil {
		t.Fatal(err)
	}
	pool := newPool(l)
	return &Book{layout: l, pool: pool, lessor: pool, proxy: p, log: slog.New(slog.DiscardHandler)}, wire
}

// holder is a client of a name, with a lease if there is one for it.
func (b *Book) holder(t *testing.T, name string) (*Holder, error) {
	t.Helper()
	h := &Holder{Name: name, Unique: true}
	return h, b.Lease(t.Context(), h)
}

// TestTakenAddressesArePassedOver: a client gets the first address of the pool
// that nobody has on the LAN, and the others are not tried again soon.
func TestTakenAddressesArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, wire := onCrowded(t, "192.0.2.100", "192.0.2.101")
		a, err := book.holder(t, "a")
		if err != nil || a.Lease.IPv4 != addr("192.0.2.102") || !a.Lease.IPv6.IsValid() {
			t.Errorf("%+v, %v", a.Lease, err)
		}
		if got := book.Routes(); len(got) != 2 || got[0].Dst.Addr() != a.Lease.IPv4 {
			t.Errorf("routes %v", got)
		}
		wire.claims = nil
		b, err := book.holder(t, "b")
		if err != nil || b.Lease.IPv4 != addr("192.0.2.103") || len(wire.claims) != 2 {
			t.Errorf("%+v, %v; asked for %v", b.Lease, err, wire.claims)
		}
		time.Sleep(shunned + time.Second)
		synctest.Wait()
		if n := book.Leased(); n != 2 {
			t.Errorf("%d are leased after a while", n)
		}
		book.Return(a)
		book.Return(b)
		book.Return(b)
		if len(wire.ours)+len(book.proxy.held)+book.Leased() > 0 {
			t.Errorf("%v are answered for still", wire.ours)
		}
	})
}

// TestFixedAddressTaken: a client whose own address another host has is not given
// another, and nothing is kept for it.
func TestFixedAddressTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, wire := onCrowded(t, "192.0.2.105")
		h := &Holder{Name: "a", IPv4: &config.Ifconfig{Local: addr("192.0.2.105"), Bits: 24}}
		if err := book.Lease(t.Context(), h); err == nil || h.Lease != nil {
			t.Error("let in with an address that is another's")
		}
		book.Return(h)
		if len(wire.ours)+len(book.proxy.held) > 0 {
			t.Errorf("%v are answered for", wire.ours)
		}
	})
}

// TestFullLAN: who claims all that is asked for keeps clients out, but keeps
// nobody busy.
func TestFullLAN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []string
		for n := range 10 {
			all = append(all, fmt.Sprintf("192.0.2.%d", 100+n))
		}
		book, wire := onCrowded(t, all...)
		if _, err := book.holder(t, "a"); err == nil {
			t.Error("let in")
		}
		tried := slices.DeleteFunc(wire.claims, func(a netip.Addr) bool { return a.Is6() })
		if len(tried) != leaseTries {
			t.Errorf("%d addresses were tried", len(tried))
		}
	})
}

// TestWithoutIPv6: a client whose IPv6 address is taken comes in without one.
func TestWithoutIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, wire := onCrowded(t)
		wire.taken[book.proxy.ipv6("a", book.layout.Network6)] = true
		h, err := book.holder(t, "a")
		if err != nil || h.Lease.IPv6.IsValid() || h.Lease.IPv4 != addr("192.0.2.100") {
			t.Errorf("%+v, %v", h.Lease, err)
		}
	})
}

// TestSuccessorShares: who takes the place of a client of its name is not kept
// from its address by it.
func TestSuccessorShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, wire := onCrowded(t)
		before, _ := book.holder(t, "a")
		book.Yield(before)
		after, err := book.holder(t, "a")
		if err != nil || after.Lease.IPv4 != before.Lease.IPv4 {
			t.Errorf("%+v, %v", after.Lease, err)
		}
		book.Return(before)
		if len(wire.ours) != 2 {
			t.Error("the successor is not answered for")
		}
		book.Return(after)
		if len(wire.ours) != 0 {
			t.Error("answered for after all have left")
		}
	})
}

// TestTakenLater: a client whose address another host begins to use has to come
// back, and gets another one.
func TestTakenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, wire := onCrowded(t)
		lost := 0
		h := &Holder{Name: "a", Unique: true, Lost: func() { lost++ }}
		if err := book.Lease(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		wire.ours[h.Lease.IPv4]()
		if lost != 1 {
			t.Errorf("told %d times", lost)
		}
		book.Return(h)
		again, err := book.holder(t, "a")
		if err != nil || again.Lease.IPv4 == h.Lease.IPv4 {
			t.Errorf("%+v, %v", again.Lease, err)
		}
	})
}
