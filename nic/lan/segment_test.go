package lan

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/mdlayher/ndp"

	"culvert/nic/ether/datagram"
	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

var (
	here     = frame.MAC{2, 0, 0, 0, 0, 1}
	there    = frame.MAC{2, 0, 0, 0, 0, 2}
	client4  = netip.MustParseAddr("192.0.2.50")
	client6  = netip.MustParseAddr("2001:db8::50")
	server4  = netip.MustParseAddr("192.0.2.1")
	stranger = netip.MustParseAddr("192.0.2.77")
	ourPlace = Interface{Name: "lan0", MAC: here, IPv4: netip.MustParsePrefix("192.0.2.2/24"), IPv6: netip.MustParsePrefix("2001:db8::2/64")}
)

// wire is a port in memory.
type wire struct {
	in   chan []byte
	gone chan struct{}
	// told is given every frame that was sent.
	told func(w *wire, b []byte)

	mu     sync.Mutex
	sent   [][]byte
	groups map[frame.MAC]bool
}

func (w *wire) Receive() ([]byte, error) {
	select {
	case b := <-w.in:
		return b, nil
	case <-w.gone:
		return nil, net.ErrClosed
	}
}

func (w *wire) Send(b []byte) error {
	w.mu.Lock()
	w.sent = append(w.sent, bytes.Clone(b))
	w.mu.Unlock()
	if w.told != nil {
		w.told(w, b)
	}
	return nil
}

func (w *wire) Listen(group frame.MAC, on bool) error {
	w.groups[group] = on
	return nil
}

func (w *wire) Close() error {
	close(w.gone)
	return nil
}

// drain waits until all is quiet and takes what was sent.
func (w *wire) drain() [][]byte {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	sent := w.sent
	w.sent = nil
	return sent
}

// open makes a segment over a wire, with the log's lines.
func open(t *testing.T) (*Segment, *wire, *bytes.Buffer) {
	w := &wire{in: make(chan []byte, 16), gone: make(chan struct{}), groups: make(map[frame.MAC]bool)}
	var lines bytes.Buffer
	s := newSegment(ourPlace, w, slog.New(slog.NewTextHandler(&lines, nil)))
	t.Cleanup(func() { s.Close() })
	return s, w, &lines
}

func arp(sender netip.Addr, target netip.Addr) []byte {
	b := frame.Header{Dst: frame.Broadcast, Src: there, Type: frame.TypeARP}.Append(nil)
	return neighbor.ARP{Op: neighbor.OpRequest, SenderMAC: there, Sender: sender, Target: target}.Append(b)
}

func solicit(t *testing.T, src, target netip.Addr) []byte {
	t.Helper()
	to := neighbor.SolicitedNode(target)
	b, err := neighbor.ND{Src: src, Dst: to, Message: &ndp.NeighborSolicitation{TargetAddress: target}}.Append(nil, there, neighbor.GroupMAC(to))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswersForClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := open(t)
		probe, other := netip.IPv4Unspecified(), netip.MustParseAddr("2001:db8::77")
		questions := map[string][]byte{
			"ARP":             arp(stranger, client4),
			"an ARP probe":    arp(probe, client4),
			"a solicitation":  solicit(t, other, client6),
			"an address test": solicit(t, netip.IPv6Unspecified(), client6),
		}
		ask := func(want int) {
			t.Helper()
			for name, q := range questions {
				w.in <- q
				answers := w.drain()
				if len(answers) != want {
					t.Errorf("%s: %d answers, want %d", name, len(answers), want)
				}
				for _, b := range answers {
					if h, _ := frame.Parse(b); h.Src != here {
						t.Errorf("%s: answered from %v", name, h.Src)
					}
				}
			}
		}
		ask(0)
		for _, a := range []netip.Addr{client4, client6} {
			if err := s.Claim(a); err != nil {
				t.Fatal(err)
			}
			if announced := w.drain(); len(announced) != 1 {
				t.Errorf("%v was announced %d times", a, len(announced))
			}
		}
		group := neighbor.GroupMAC(neighbor.SolicitedNode(client6))
		if !w.groups[group] {
			t.Error("nobody listens to who asks for the IPv6 address")
		}
		ask(1)
		w.in <- arp(stranger, netip.MustParseAddr("192.0.2.51"))
		if len(w.drain()) > 0 {
			t.Error("answered for an address that nobody claimed")
		}
		s.Release(client4)
		s.Release(client6)
		ask(0)
		if w.groups[group] {
			t.Error("still listens to who asks for the IPv6 address")
		}
	})
}

func TestClaimElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := open(t)
		for _, a := range []string{"198.51.100.1", "2001:db8:1::1"} {
			if err := s.Claim(netip.MustParseAddr(a)); err == nil || !strings.Contains(err.Error(), "no address of the segment") {
				t.Errorf("%s: %v", a, err)
			}
		}
		if len(w.drain()) > 0 {
			t.Error("announced what was refused")
		}
	})
}

// TestConflict is told once, however often the station shows up.
func TestConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, log := open(t)
		s.Claim(client4)
		s.Claim(client6)
		advert := neighbor.ND{Src: client6, Dst: neighbor.AllNodes, Message: &ndp.NeighborAdvertisement{TargetAddress: client6}}
		b, _ := advert.Append(nil, there, neighbor.GroupMAC(neighbor.AllNodes))
		for range 3 {
			w.in <- arp(client4, stranger)
			w.in <- b
		}
		w.drain()
		if n := strings.Count(log.String(), "another station"); n != 2 {
			t.Errorf("told %d times of two conflicts:\n%s", n, log)
		}
	})
}

func TestRubbish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := open(t)
		s.Claim(client4)
		w.drain()
		good := arp(stranger, client4)
		forged := bytes.Clone(good)
		forged[frame.HeaderLen+8] ^= 4 // another sender than the frame's
		ours := bytes.Clone(good)
		copy(ours[6:], here[:])
		for _, b := range [][]byte{nil, good[:13], good[:30], forged, ours, solicit(t, stranger6, client6)[:50]} {
			w.in <- b
		}
		if len(w.drain()) > 0 {
			t.Error("answered rubbish")
		}
		w.in <- good
		if len(w.drain()) != 1 {
			t.Error("answers no more")
		}
	})
}

var stranger6 = netip.MustParseAddr("2001:db8::77")

// dhcpServer leases client4 for an hour, as long as it is willing.
type dhcpServer struct {
	t *testing.T

	mu    sync.Mutex
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
	case d.mute || m.MessageType() == dhcpv4.MessageTypeRelease:
		return
	case m.MessageType() == dhcpv4.MessageTypeDiscover:
		kind = dhcpv4.MessageTypeOffer
	case d.deny:
		kind = dhcpv4.MessageTypeNak
	}
	reply, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(client4.AsSlice()),
		dhcpv4.WithServerIP(server4.AsSlice()), dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithRouter(server4.AsSlice()),
		dhcpv4.WithDNS(net.IP{9, 9, 9, 9}), dhcpv4.WithLeaseTime(3600),
		dhcpv4.WithOption(dhcpv4.OptDomainName("lan.example")), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server4.AsSlice())))
	if err != nil {
		d.t.Error(err)
		return
	}
	answer := datagram.Datagram{Src: netip.AddrPortFrom(server4, 67), Dst: netip.MustParseAddrPort("255.255.255.255:68"), Payload: reply.ToBytes()}
	w.in <- answer.Append(nil, serverMAC, frame.Broadcast)
}

// leased opens a segment whose server has leased a station an address.
func leased(t *testing.T) (*Segment, *dhcpServer, *Lease, *wire) {
	s, w, _ := open(t)
	d := &dhcpServer{t: t}
	w.told = d.told
	l, err := s.Lease(t.Context(), s.StationMAC("phone"), "Ada's phone")
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
		if mac := frame.MAC(d.last.ClientHWAddr); mac != s.StationMAC("phone") || mac == here || !mac.IsStation() {
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

func TestHostName(t *testing.T) {
	for name, want := range map[string]string{"phone": "phone", "Ada's phone": "Ada-s-phone", "": "", "-ü-": "", strings.Repeat("x", 99): strings.Repeat("x", 63)} {
		if got := hostName(name); got != want {
			t.Errorf("%q became %q", name, got)
		}
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(arp(stranger, client4))
	reply := datagram.Datagram{Src: netip.AddrPortFrom(server4, 67), Dst: netip.MustParseAddrPort("255.255.255.255:68"), Payload: make([]byte, 300)}
	f.Add(reply.Append(nil, serverMAC, frame.Broadcast))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := &wire{in: make(chan []byte), gone: make(chan struct{}), groups: make(map[frame.MAC]bool)}
		s := newSegment(ourPlace, w, slog.New(slog.DiscardHandler))
		defer s.Close()
		s.receive(b)
	})
}
