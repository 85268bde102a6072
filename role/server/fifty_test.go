package server_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
)

// rogue is a client with a valid session that uses it to send garbage.
type rogue struct {
	*connected
	random *rand.Rand
	other  *simnet.Endpoint // a second outer address

	mu   sync.Mutex
	seen [][]byte // datagrams of all clients, as an eavesdropper has them
}

// watch keeps a share of what goes to the server.
func (r *rogue) watch(from, to netip.AddrPort, datagram []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to == serverAddr && len(datagram) > 0 && len(r.seen) < 4000 {
		r.seen = append(r.seen, bytes.Clone(datagram))
	}
	return true
}

// captured is a datagram of some client.
func (r *rogue) captured() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.seen[r.random.IntN(len(r.seen))])
}

func (r *rogue) junk() []byte {
	b := make([]byte, r.random.IntN(1400))
	for i := range b {
		b[i] = byte(r.random.Uint32())
	}
	return b
}

// seal makes a packet of the rogue's own session out of anything.
func (r *rogue) seal(plaintext []byte) []byte {
	p := buf.New(2000)
	p.Set(plaintext)
	if err := r.Server().Data.Seal(time.Now(), p); err != nil {
		return nil
	}
	return bytes.Clone(p.Bytes())
}

// garbage is one datagram of every kind there is.
func (r *rogue) garbage(victim netip.Addr) [][]byte {
	spoofed := ipv4(victim, outside, "spoofed")
	looped := ipv4(r.inner(), r.inner(), "to itself")
	headerOnly := append([]byte{0x45}, r.junk()...)
	stolen := r.seal(spoofed)
	binary.BigEndian.PutUint32(stolen, binary.BigEndian.Uint32(stolen)&0xff000000|uint32(r.random.IntN(64)))
	flipped := r.captured()
	flipped[r.random.IntN(len(flipped))] ^= 1 << r.random.IntN(8)
	cut := r.captured()
	return [][]byte{
		r.seal(r.junk()), r.seal(nil), r.seal(spoofed), r.seal(looped), r.seal(headerOnly),
		r.seal(ipv4(r.inner(), victim, "unasked")[:20]), r.seal(append([]byte{0x60}, r.junk()...)),
		stolen, r.captured(), flipped, cut[:r.random.IntN(len(cut))], r.junk(), {}, {0x48}, {0x30},
	}
}

// send sends datagrams from the rogue's own address, and half of them from
// another as well.
func (r *rogue) send(datagrams [][]byte) {
	for i, b := range datagrams {
		p := buf.New(3000)
		p.Set(b)
		p.Path.Remote = serverAddr
		r.link.WriteBatch([]*buf.Packet{p})
		if i%2 == 0 {
			r.other.WriteBatch([]*buf.Packet{p})
		}
	}
}

// TestFiftyClientsOneOfThemRogue: the network loses nothing, so the other
// forty-nine must not lose a packet either, whatever one of them sends, from
// their handshakes on.
func TestFiftyClientsOneOfThemRogue(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		r := &rogue{random: rand.New(rand.NewPCG(1, 2))}
		w.net.Change(func(o *simnet.Options) { o.Filter = r.watch })
		s := w.serve("client-to-client\nmax-clients 60")
		go echo(s)
		r.connected = w.connect("rogue", "")
		r.other = must(w.net.Listen(netip.MustParseAddrPort("198.51.100.250:6666")))(t)

		stop := make(chan struct{})
		var raging sync.WaitGroup
		raging.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(3 * time.Millisecond):
					r.send(r.garbage(netip.AddrFrom4([4]byte{10, 8, 0, byte(3 + r.random.IntN(49))})))
				}
			}
		})
		clients := make([]*connected, 49)
		for i := range clients {
			clients[i] = w.dial(fmt.Sprintf("client%d", i), "")
		}
		for _, c := range clients {
			c.up(time.Minute)
		}
		const rounds = 40
		for round := range rounds {
			for i, c := range clients {
				next := clients[(i+1)%len(clients)]
				c.nic.Inject(ipv4(c.inner(), outside, fmt.Sprintf("%s %d", c.name, round)))
				c.nic.Inject(ipv4(c.inner(), next.inner(), fmt.Sprintf("from %s %d", c.name, round)))
			}
			time.Sleep(5 * time.Millisecond)
		}
		close(stop)
		raging.Wait()
		time.Sleep(time.Second)

		for i, c := range clients {
			before := clients[(i+len(clients)-1)%len(clients)]
			var want [][]byte
			for round := range rounds {
				want = append(want, ipv4(outside, c.inner(), fmt.Sprintf("%s %d", c.name, round)),
					ipv4(before.inner(), c.inner(), fmt.Sprintf("from %s %d", before.name, round)))
			}
			checkDelivery(t, c, want)
			if c.ups != 1 || logged(&c.process, "not connected") {
				t.Errorf("%s had to connect again", c.name)
			}
		}
		drops := s.Drops()
		for _, reason := range []string{"malformed", "unknown peer", "failed authentication", "replayed", "bad source address"} {
			if drops[reason] == 0 {
				t.Errorf("nothing was dropped as %s: %v", reason, drops)
			}
		}
		if s.Sessions() < 49 {
			t.Errorf("%d clients are left", s.Sessions())
		}
	})
}

// echo is a host behind the server that answers packets to it.
func echo(s *serving) {
	for {
		p, err := s.nic.Received()
		if err != nil {
			return
		}
		if len(p) < 28 || p[0] != 0x45 || netip.AddrFrom4([4]byte(p[16:20])) != outside {
			continue
		}
		s.nic.Inject(ipv4(outside, netip.AddrFrom4([4]byte(p[12:16])), string(p[28:])))
	}
}

// checkDelivery compares what a client received with what was sent to it. The
// rogue may speak to it too.
func checkDelivery(t *testing.T, c *connected, want [][]byte) {
	t.Helper()
	got := make(map[string]int)
	for _, p := range c.nic.Drain() {
		got[string(p)]++
	}
	missing := 0
	for _, p := range want {
		if got[string(p)] != 1 {
			missing++
		}
		delete(got, string(p))
	}
	if missing > 0 {
		t.Errorf("%s: %d of %d packets are missing or came twice", c.name, missing, len(want))
	}
	for p := range got {
		if !bytes.Contains([]byte(p), []byte("unasked")) && len(p) != 20 {
			t.Errorf("%s received %q", c.name, p)
		}
	}
}

// TestManyClientsComeAndGo leaves nothing behind for those who went.
func TestManyClientsComeAndGo(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond, Loss: 0.02}, func(t *testing.T, w *world) {
		s := w.serve("")
		for range 3 {
			var clients []*connected
			for i := range 8 {
				clients = append(clients, w.dial(fmt.Sprintf("client%d", i), "explicit-exit-notify 2"))
			}
			for i, c := range clients {
				if i%4 != 3 { // the others are stopped in their handshake
					c.up(time.Minute)
				}
			}
			for _, c := range clients {
				c.stop()
			}
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if s.Sessions() != 0 || s.Leases() != 0 || s.FreeIDs() != 1024 {
			t.Errorf("%d clients, %d leases, %d free peer-ids", s.Sessions(), s.Leases(), s.FreeIDs())
		}
	})
}
