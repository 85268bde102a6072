package lan

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"culvert/nic/ether/datagram"
	"culvert/nic/frame"
)

// dhcpServer leases client4 for an hour, as long as it is willing.
type dhcpServer struct {
	t *testing.T

	mu    sync.Mutex
	given netip.Addr // not valid: client4
	term  uint32     // of the lease, in seconds, and one; 0: an hour
	deny  bool
	mute  bool
	kinds []dhcpv4.MessageType // of what it was sent
	last  *dhcpv4.DHCPv4
	to    frame.MAC
}

var serverMAC = frame.MAC{2, 0, 0, 0, 0, 9}

func (d *dhcpServer) told(w *wire, b []byte) {
	h, _ := frame.Parse(b)
	packet, ok := datagram.Parse(b[h.Len:])
	if h.Type != frame.TypeIPv4 || !ok {
		return
	}
	m, err := dhcpv4.FromBytes(packet.Payload)
	if err != nil {
		d.t.Error(err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kinds, d.last, d.to = append(d.kinds, m.MessageType()), m, h.Dst
	kind := dhcpv4.MessageTypeAck
	switch {
	case d.mute || m.MessageType() == dhcpv4.MessageTypeRelease || m.MessageType() == dhcpv4.MessageTypeDecline:
		return
	case m.MessageType() == dhcpv4.MessageTypeDiscover:
		kind = dhcpv4.MessageTypeOffer
	case d.deny:
		kind = dhcpv4.MessageTypeNak
	}
	term, given := d.term, d.given
	if !given.IsValid() {
		given = client4
	}
	if term == 0 {
		term = 3601
	}
	reply, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(given.AsSlice()),
		dhcpv4.WithServerIP(server4.AsSlice()), dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithRouter(server4.AsSlice()),
		dhcpv4.WithDNS(net.IP{9, 9, 9, 9}), dhcpv4.WithLeaseTime(max(term, 1)-1),
		dhcpv4.WithOption(dhcpv4.OptDomainName("lan.example")), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server4.AsSlice())))
	if err != nil {
		d.t.Error(err)
		return
	}
	answer := datagram.Datagram{Src: netip.AddrPortFrom(server4, 67), Dst: netip.MustParseAddrPort("255.255.255.255:68"), Payload: reply.ToBytes()}
	w.in <- answer.Append(nil, serverMAC, frame.Broadcast)
}

// leased opens a segment whose server has leased a station an address.
func leased(t *testing.T) (*Proxy, *dhcpServer, *Lease, *wire) {
	s, w, _ := open(t)
	d := &dhcpServer{t: t}
	w.told = d.told
	l, err := s.Lease(t.Context(), s.ClientMAC("phone"), "Ada's phone")
	if err != nil {
		t.Fatal(err)
	}
	return s, d, l, w
}

func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, l, w := leased(t)
		want := Offered{netip.PrefixFrom(client4, 24), server4, []netip.Addr{netip.MustParseAddr("9.9.9.9")}, "lan.example"}
		if l.Address != want.Address || l.Router != want.Router || !slices.Equal(l.DNS, want.DNS) || l.Domain != want.Domain {
			t.Errorf("leased %+v, want %+v", l.Offered, want)
		}
		if mac := frame.MAC(d.last.ClientHWAddr); mac != s.ClientMAC("phone") || mac == here || !mac.IsStation() {
			t.Errorf("leased under %v", mac)
		}
		if d.last.HostName() != "Ada-s-phone" {
			t.Errorf("named %q", d.last.HostName())
		}
		w.drain()
		w.in <- arp(stranger, client4)
		if len(w.drain()) != 1 {
			t.Error("nobody answers for what was leased")
		}
		time.Sleep(31 * time.Minute) // virtual: past T1
		synctest.Wait()
		if d.last.MessageType() != dhcpv4.MessageTypeRequest || d.to != serverMAC || address(d.last.ClientIPAddr) != client4 {
			t.Errorf("renewed by %v to %v", d.last.MessageType(), d.to)
		}
		l.Release()
		if d.last.MessageType() != dhcpv4.MessageTypeRelease {
			t.Errorf("the last word was %v", d.last.MessageType())
		}
		w.drain()
		w.in <- arp(stranger, client4)
		if len(w.drain()) > 0 {
			t.Error("answers for what was given back")
		}
	})
}

func TestLeaseTakenAway(t *testing.T) {
	for name, c := range map[string]struct {
		turn  func(*dhcpServer)
		after time.Duration
	}{
		"refused": {func(d *dhcpServer) { d.deny = true }, 31 * time.Minute},
		"silence": {func(d *dhcpServer) { d.mute = true }, 61 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, d, l, _ := leased(t)
				d.mu.Lock()
				c.turn(d)
				d.mu.Unlock()
				began := time.Now()
				if !l.Wait() || time.Since(began) > c.after {
					t.Errorf("the lease is not lost after %v", time.Since(began))
				}
				d.mu.Lock()
				defer d.mu.Unlock()
				if name == "silence" && d.to != frame.Broadcast {
					t.Error("no other server was asked")
				}
			})
		})
	}
}

func TestNoServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := open(t)
		d := &dhcpServer{t: t, mute: true}
		w.told = d.told
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		if _, err := s.Lease(ctx, there, ""); !errors.Is(err, ErrNoServer) {
			t.Errorf("%v", err)
		}
		if len(d.kinds) != 3 { // after 0, 2 and 6 seconds
			t.Errorf("asked %d times", len(d.kinds))
		}
	})
}

// TestUnwilling: a server that refuses what it offers, or leases nothing of use,
// is asked ever less often, also for the next client's sake.
func TestUnwilling(t *testing.T) {
	for name, turn := range map[string]func(*dhcpServer){
		"refuses":          func(d *dhcpServer) { d.deny = true },
		"leases for 0 s":   func(d *dhcpServer) { d.term = 1 },
		"leases for 5 s":   func(d *dhcpServer) { d.term = 6 },
		"gives the router": func(d *dhcpServer) { d.given = server4 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, w, log := open(t)
				d := &dhcpServer{t: t}
				turn(d)
				w.told = d.told
				for range 30 { // clients come back each 20 seconds
					ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
					if _, err := s.Lease(ctx, there, ""); err == nil || errors.Is(err, ErrNoServer) {
						t.Errorf("%v", err)
					}
					stop()
				}
				if n := len(d.kinds); n < 10 || n > 100 {
					t.Errorf("%d messages in 10 minutes", n)
				}
				if n := strings.Count(log.String(), "is of no use"); n > 1 {
					t.Errorf("%d lines in the log", n)
				}
			})
		})
	}
}

// TestUnfit: no client is given an address that cannot be used.
func TestUnfit(t *testing.T) {
	for want, given := range map[string]netip.Addr{
		"192.0.2.0 is the first":      netip.MustParseAddr("192.0.2.0"),
		"192.0.2.255 is the first or": netip.MustParseAddr("192.0.2.255"),
		"192.0.2.2 is this host's":    ourPlace.IPv4.Addr(),
		"192.0.2.3 is this host's":    second4,
		"its own address, 192.0.2.1":  server4,
		"no address of the segment":   netip.MustParseAddr("198.51.100.7"),
		"which is another client's":   client4,
	} {
		synctest.Test(t, func(t *testing.T) {
			s, w, _ := open(t)
			if _, err := s.Claim(t.Context(), client4, nil); err != nil {
				t.Fatal(err)
			}
			d := &dhcpServer{t: t, given: given}
			w.told = d.told
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			if _, err := s.Lease(ctx, there, ""); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v", given, err)
			}
			if slices.Contains(d.kinds, dhcpv4.MessageTypeRequest) {
				t.Errorf("%v was asked for", given)
			}
		})
	}
}

// TestLeaseInUse: an address that a station of the segment has is declined, and
// so is one that a station uses later on.
func TestLeaseInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := open(t)
		d := &dhcpServer{t: t}
		w.told = func(w *wire, b []byte) {
			d.told(w, b)
			if q, ok := probed(b); ok && q == client4 {
				w.in <- arp(client4, stranger)
			}
		}
		ctx, stop := context.WithTimeout(t.Context(), 9*time.Second)
		defer stop()
		if _, err := s.Lease(ctx, there, "phone"); !errors.Is(err, ErrTaken) {
			t.Errorf("%v", err)
		}
		want := []dhcpv4.MessageType{dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeDecline}
		if !slices.Equal(d.kinds, want) { // and no more within ten seconds
			t.Errorf("%v, expected %v", d.kinds, want)
		}
		if a := d.last.RequestedIPAddress(); address(a) != client4 || address(d.last.ServerIdentifier()) != server4 || d.last.HostName() != "" {
			t.Errorf("declined %v", d.last.Summary())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, d, l, w := leased(t)
		for range 2 {
			w.in <- arp(client4, stranger)
			synctest.Wait()
			time.Sleep(2 * time.Second)
		}
		if !l.Wait() {
			t.Error("the lease is not lost")
		}
		if d.last.MessageType() != dhcpv4.MessageTypeDecline {
			t.Errorf("the last word was %v", d.last.MessageType())
		}
	})
}

// TestRenewedForNothing: a lease that is renewed for no time is lost, and not asked
// for again and again.
func TestRenewedForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, d, l, _ := leased(t)
		d.mu.Lock()
		d.term = 1
		asked := len(d.kinds)
		d.mu.Unlock()
		if !l.Wait() {
			t.Error("the lease is not lost")
		}
		if n := len(d.kinds) - asked; n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}
