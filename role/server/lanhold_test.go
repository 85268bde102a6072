package server

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
	"culvert/internal/buf"
	"culvert/nic/frame"
	"culvert/nic/lan"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// crowded is a segment on which stations have addresses.
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
func (*crowded) StationMAC(name string) frame.MAC { return frame.StableMAC(name) }
func (*crowded) Close() error                     { return nil }

// onCrowded is a server with a pool of ten addresses on a segment.
func onCrowded(t *testing.T, taken ...string) (*Server, *crowded) {
	t.Helper()
	segment := &crowded{taken: make(map[netip.Addr]bool), ours: make(map[netip.Addr]func())}
	for _, a := range taken {
		segment.taken[addr(a)] = true
	}
	behind := testLAN("192.0.2.2/24", "2001:db8::2/64")
	behind.segment = segment
	l, err := behind.layout(&config.Pool{Start: addr("192.0.2.100"), End: addr("192.0.2.109")})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{lan: behind, cfg: new(config.Config), layout: l, pool: newPool(l), table: newTable(8), log: slog.New(slog.DiscardHandler)}
	s.logins.ctx = t.Context()
	return s, segment
}

func (s *Server) letIn(t *testing.T, name string, own config.PerClient) (*client, error) {
	t.Helper()
	c := &client{name: name, own: &own}
	lease, err := s.leaseHeld(c, name)
	c.lease = lease
	return c, err
}

// TestTakenAddressesArePassedOver: a client gets the first address of the pool
// that nobody has on the segment, and the others are not tried again soon.
func TestTakenAddressesArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, segment := onCrowded(t, "192.0.2.100", "192.0.2.101")
		a, err := s.letIn(t, "a", config.PerClient{})
		if err != nil || a.lease.IPv4 != addr("192.0.2.102") || !a.lease.IPv6.IsValid() {
			t.Errorf("%+v, %v", a.lease, err)
		}
		segment.claims = nil
		b, err := s.letIn(t, "b", config.PerClient{})
		if err != nil || b.lease.IPv4 != addr("192.0.2.103") || len(segment.claims) != 2 {
			t.Errorf("%+v, %v; asked for %v", b.lease, err, segment.claims)
		}
		time.Sleep(shunned + time.Second)
		synctest.Wait()
		if free := 10 - len(s.pool.inUse); free != 8 {
			t.Errorf("%d are free after a while", free)
		}
		s.lan.leave(a)
		s.lan.leave(b)
		if len(segment.ours)+len(s.lan.held) > 0 {
			t.Errorf("%v are answered for still", segment.ours)
		}
	})
}

// TestFixedAddressTaken: a client whose own address another station has is not
// given another, and nothing is kept for it.
func TestFixedAddressTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, segment := onCrowded(t, "192.0.2.105")
		own := config.PerClient{Ifconfig: &config.Ifconfig{Local: addr("192.0.2.105"), Bits: 24}}
		if _, err := s.letIn(t, "a", own); err == nil {
			t.Error("let in with an address that is another's")
		}
		if len(segment.ours)+len(s.lan.held) > 0 {
			t.Errorf("%v are answered for", segment.ours)
		}
	})
}

// TestFullSegment: who claims all that is asked for keeps clients out, but keeps
// nobody busy.
func TestFullSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []string
		for n := range 10 {
			all = append(all, fmt.Sprintf("192.0.2.%d", 100+n))
		}
		s, segment := onCrowded(t, all...)
		if _, err := s.letIn(t, "a", config.PerClient{}); err == nil {
			t.Error("let in")
		}
		tried := slices.DeleteFunc(segment.claims, func(a netip.Addr) bool { return a.Is6() })
		if len(tried) != leaseTries {
			t.Errorf("%d addresses were tried", len(tried))
		}
	})
}

// TestWithoutIPv6: a client whose IPv6 address is taken comes in without one.
func TestWithoutIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, segment := onCrowded(t)
		segment.taken[s.lan.ipv6("a", s.layout.network6)] = true
		c, err := s.letIn(t, "a", config.PerClient{})
		if err != nil || c.lease.IPv6.IsValid() || c.lease.IPv4 != addr("192.0.2.100") {
			t.Errorf("%+v, %v", c.lease, err)
		}
	})
}

// TestSuccessorShares: who takes the place of a client of its name is not kept
// from its address by it.
func TestSuccessorShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, segment := onCrowded(t)
		before, _ := s.letIn(t, "a", config.PerClient{})
		s.pool.release(before.lease)
		after, err := s.letIn(t, "a", config.PerClient{})
		if err != nil || after.lease.IPv4 != before.lease.IPv4 {
			t.Errorf("%+v, %v", after.lease, err)
		}
		s.lan.leave(before)
		if len(segment.ours) != 2 {
			t.Error("the successor is not answered for")
		}
		s.lan.leave(after)
		if len(segment.ours) != 0 {
			t.Error("answered for after all have left")
		}
	})
}

// TestTakenLater: a client whose address another station begins to use has to
// come back, and gets another one.
func TestTakenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, segment := onCrowded(t)
		c, _ := s.letIn(t, "a", config.PerClient{})
		opening := &session.Opening{Client: wire.SessionID{1}, Server: wire.SessionID{2}}
		over := session.Accept(session.Config{}, opening, time.Now())
		over.Close() // it has nothing to say and nobody to say it to
		c.Peer = tunnel.NewPeer(over, nil, buf.Path{}, func(*tunnel.Peer, time.Time, session.Event) {})
		c.Owner = c
		segment.ours[c.lease.IPv4]()
		s.forget(c)
		again, err := s.letIn(t, "a", config.PerClient{})
		if err != nil || again.lease.IPv4 == c.lease.IPv4 {
			t.Errorf("%+v, %v", again.lease, err)
		}
	})
}
