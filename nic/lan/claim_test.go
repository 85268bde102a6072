package lan

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdlayher/ndp"

	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

// probed is the address that a frame is a probe for.
func probed(b []byte) (netip.Addr, bool) {
	h, _ := frame.Parse(b)
	switch h.Type {
	case frame.TypeARP:
		q, ok := neighbor.ParseARP(b[h.Len:])
		return q.Target, ok && q.IsProbe()
	case frame.TypeIPv6:
		nd, _ := neighbor.ParseND(b[h.Len:])
		q, ok := nd.Message.(*ndp.NeighborSolicitation)
		if ok {
			return q.TargetAddress, nd.Src.IsUnspecified()
		}
	}
	return netip.Addr{}, false
}

func advert(t *testing.T, a netip.Addr) []byte {
	t.Helper()
	nd := neighbor.ND{Src: a, Dst: neighbor.AllNodes, Message: &ndp.NeighborAdvertisement{TargetAddress: a}}
	b, err := nd.Append(nil, there, neighbor.GroupMAC(neighbor.AllNodes))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTakenAlready: an address that a station has, or asks for at the same time, is
// not claimed, and this host does not answer for it.
func TestTakenAlready(t *testing.T) {
	for name, test := range map[string]struct {
		a      netip.Addr
		answer func(t *testing.T) []byte
	}{
		"ARP":              {client4, func(*testing.T) []byte { return arp(client4, stranger) }},
		"another probe":    {client4, func(*testing.T) []byte { return arp(netip.IPv4Unspecified(), client4) }},
		"an advertisement": {client6, func(t *testing.T) []byte { return advert(t, client6) }},
		"another's DAD":    {client6, func(t *testing.T) []byte { return solicit(t, netip.IPv6Unspecified(), client6) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, w, log := open(t)
				answer := test.answer(t)
				w.told = func(w *wire, b []byte) {
					if q, ok := probed(b); ok && q == test.a {
						w.in <- answer
					} else {
						t.Errorf("sent %x", b)
					}
				}
				if _, err := s.Claim(t.Context(), test.a, nil); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), there.String()) {
					t.Errorf("%v", err)
				}
				if n := len(w.drain()); n != 1 {
					t.Errorf("%d probes", n)
				}
				w.told = nil
				if _, err := s.Claim(t.Context(), test.a, nil); err != nil {
					t.Errorf("now it is free: %v", err)
				}
				if log.Len() > 0 {
					t.Errorf("logged %s", log)
				}
			})
		})
	}
}

// TestOneForTwo: if two want an address at once, one gets it.
func TestOneForTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := open(t)
		var got, refused atomic.Int32
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if _, err := s.Claim(t.Context(), client4, nil); errors.Is(err, ErrTaken) {
					refused.Add(1)
				} else if err == nil {
					got.Add(1)
				}
			})
		}
		all.Wait()
		if got.Load() != 1 || refused.Load() != 4 {
			t.Errorf("%d got it, %d were refused", got.Load(), refused.Load())
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if _, err := s.Claim(ctx, stranger, nil); err == nil || s.has(stranger) {
			t.Errorf("claimed after the end: %v", err)
		}
	})
}

// TestConflict: an address in use by another station is defended, once in ten
// seconds, and given up if that does not help.
func TestConflict(t *testing.T) {
	for _, a := range []netip.Addr{client4, client6} {
		synctest.Test(t, func(t *testing.T) {
			s, w, log := open(t)
			var lost atomic.Bool
			if _, err := s.Claim(t.Context(), a, func() { lost.Store(true) }); err != nil {
				t.Fatal(err)
			}
			w.drain()
			collide := func() [][]byte {
				if a.Is4() {
					w.in <- arp(client4, stranger)
				} else {
					w.in <- advert(t, client6)
				}
				return w.drain()
			}
			for range 3 {
				if sent := collide(); len(sent) != 1 || lost.Load() {
					t.Errorf("%v: %d frames in defence, lost %v", a, len(sent), lost.Load())
				}
				time.Sleep(defendInterval)
			}
			if n := strings.Count(log.String(), "another station"); n != 1 {
				t.Errorf("told %d times of a conflict:\n%s", n, log)
			}
			collide()
			time.Sleep(time.Second)
			if sent := collide(); len(sent) > 0 || !lost.Load() || s.has(a) {
				t.Errorf("%v: %d frames in defence, lost %v", a, len(sent), lost.Load())
			}
		})
	}
}
