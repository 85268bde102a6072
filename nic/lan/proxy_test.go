package lan

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

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
	w.mu.Lock()
	defer w.mu.Unlock()
	w.groups[group] = on
	return nil
}

func (w *wire) Own() ([]netip.Addr, error) {
	return []netip.Addr{ourPlace.IPv4.Addr(), ourPlace.IPv6.Addr(), second4}, nil
}

// second4 is another address of this host.
var second4 = netip.MustParseAddr("192.0.2.3")

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
func open(t *testing.T) (*Proxy, *wire, *bytes.Buffer) {
	w := &wire{in: make(chan []byte, 16), gone: make(chan struct{}), groups: make(map[frame.MAC]bool)}
	var lines bytes.Buffer
	s := newProxy(ourPlace, w, slog.New(slog.NewTextHandler(&lines, nil)))
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
		var releases []func()
		for _, a := range []netip.Addr{client4, client6} {
			release, err := s.Claim(t.Context(), a, nil)
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
			if sent := w.drain(); len(sent) != probes+1 {
				t.Errorf("%d frames for %v, expected %d probes and an announcement", len(sent), a, probes)
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
		for _, release := range releases {
			release()
			release()
		}
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
			if _, err := s.Claim(t.Context(), netip.MustParseAddr(a), nil); err == nil || !strings.Contains(err.Error(), "no address of the segment") {
				t.Errorf("%s: %v", a, err)
			}
		}
		if len(w.drain()) > 0 {
			t.Error("announced what was refused")
		}
	})
}

func TestRubbish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := open(t)
		s.Claim(t.Context(), client4, nil)
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
		s := newProxy(ourPlace, w, slog.New(slog.DiscardHandler))
		defer s.Close()
		s.receive(b)
	})
}
