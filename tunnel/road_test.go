package tunnel

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/nic"
	"culvert/nic/nictest"
	"culvert/session"
	"culvert/session/negotiate"
	"culvert/session/wire"
	"culvert/session/wrap"
)

var (
	nearAddr = netip.MustParseAddrPort("192.0.2.1:1194")
	farAddr  = netip.MustParseAddrPort("192.0.2.2:1194")
)

var identity = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

func testConfig(server bool) session.Config {
	return session.Config{
		Server: server, Wrapper: wrap.None{}, Ciphers: []string{"AES-128-GCM"},
		TLS:        &tls.Config{Certificates: []tls.Certificate{identity()}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13},
		PeerInfo:   negotiate.LocalPeerInfo("test", "linux", []string{"AES-128-GCM"}, 1500, nil),
		HandWindow: 10 * time.Second, TranWindow: time.Hour, TLSTimeout: time.Second,
	}
}

// sessions is both ends of an established session. Whoever gets one stops it.
func sessions(t testing.TB) (client, server *session.Session) {
	t.Helper()
	return sessionsOf(t, func(*session.Config) {})
}

// sessionsOf is sessions with a setting that both ends have.
func sessionsOf(t testing.TB, set func(*session.Config)) (client, server *session.Session) {
	t.Helper()
	greeter := session.NewGreeter(wrap.Armour{}, session.Rate{})
	now := time.Now()
	ours, theirs := testConfig(false), testConfig(true)
	set(&ours)
	set(&theirs)
	client = session.NewClient(ours, now)
	for round := 0; server == nil || !client.Established() || !server.Established(); round++ {
		if round > 50 {
			t.Fatalf("no session: %s", client.Stage())
		}
		var there, back [][]byte
		keep := func(list *[][]byte) func([]byte) {
			return func(b []byte) { *list = append(*list, bytes.Clone(b)) }
		}
		client.Advance(now)
		client.Output(now, keep(&there))
		for _, b := range there {
			if server == nil {
				reply, in, err := greeter.Greet(now, nearAddr, b)
				if err != nil {
					t.Fatal(err)
				}
				if in == nil {
					client.Input(now, reply)
					continue
				}
				server = session.Accept(theirs, in, now)
			}
			server.Input(now, b)
		}
		if server == nil {
			continue
		}
		for _, e := range server.Events() {
			if hello, ok := e.(*session.Hello); ok {
				if err := server.Admit(now, negotiate.ServerParams("AES-128-GCM", 1, hello.PeerInfo), nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		server.Advance(now)
		server.Output(now, keep(&back))
		for _, b := range back {
			client.Input(now, b)
		}
	}
	client.Events()
	return client, server
}

// fakeRole answers as a test says.
type fakeRole struct {
	road    *Road
	route   func(to *Receivers) Drop
	demux   func() (*Peer, Drop)
	forward func(packet []byte, to *Receivers) Drop
	mu      sync.Mutex
	control [][]byte
	moves   []buf.Path
}

func (f *fakeRole) Route(_ time.Time, p *buf.Packet, to *Receivers) Drop {
	if _, _, ok := f.road.Addresses(p.Bytes()); !ok {
		return Malformed
	}
	return f.route(to)
}
func (f *fakeRole) Demultiplex(link.Link, *buf.Packet) (*Peer, Drop) { return f.demux() }
func (f *fakeRole) Control(_ link.Link, p *buf.Packet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.control = append(f.control, bytes.Clone(p.Bytes()))
}
func (f *fakeRole) Forward(_ time.Time, _ *Peer, p *buf.Packet, to *Receivers) Drop {
	if f.forward != nil {
		return f.forward(p.Bytes(), to)
	}
	to.Adapter = true
	return Kept
}
func (f *fakeRole) Moved(p *Peer, path buf.Path) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moves = append(f.moves, path)
	p.SetPath(path)
}

// half is a road, its adapter, its link and the one peer on it.
type half struct {
	Road
	role *fakeRole
	nic  *nictest.Pipe
	link *simnet.Endpoint
	peer *Peer
}

// roads is two roads that meet in one session.
func roads(t *testing.T) (near, far *half, net *simnet.Network) {
	t.Helper()
	return roadsOf(t, nic.IP)
}

// roadsOf is roads whose adapters are of a kind.
func roadsOf(t *testing.T, kind nic.Kind) (near, far *half, net *simnet.Network) {
	t.Helper()
	net = simnet.New(simnet.Options{})
	client, server := sessions(t)
	near = newHalf(t, kind, net, nearAddr, farAddr, client)
	far = newHalf(t, kind, net, farAddr, nearAddr, server)
	return near, far, net
}

// only routes everything to one peer.
func only(p *Peer) func(*Receivers) Drop {
	return func(to *Receivers) Drop {
		to.Add(p)
		return Kept
	}
}

func newHalf(t *testing.T, kind nic.Kind, net *simnet.Network, at, peer netip.AddrPort, s *session.Session) *half {
	t.Helper()
	l, err := net.Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	h := &half{nic: nictest.New(at.String(), 1500), link: l, role: new(fakeRole)}
	if kind == nic.Ethernet {
		h.nic = nictest.NewEthernet(at.String(), 1500)
	}
	h.peer = NewPeer(s, l, buf.Path{Remote: peer, Local: at.Addr()}, func(*Peer, time.Time, session.Event) {})
	h.role.demux = func() (*Peer, Drop) { return h.peer, Kept }
	h.role.route = only(h.peer)
	h.Road = Road{Role: h.role, PacketSize: 1800, Ethernet: kind == nic.Ethernet, Adapter: func() nic.NIC { return h.nic }}
	h.role.road = &h.Road
	var ends sync.WaitGroup
	ends.Go(func() { checkClosed(t, h.Outbound(t.Context(), h.nic)) })
	ends.Go(func() { checkClosed(t, h.Inbound(t.Context(), l)) })
	t.Cleanup(func() {
		h.nic.Close()
		l.Close()
		h.peer.Stop()
		ends.Wait()
	})
	return h
}

func checkClosed(t testing.TB, err error) {
	if !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a road ended with %v", err)
	}
}

func ipPacket(n int) []byte {
	p := make([]byte, max(n, 20))
	p[0], p[9] = 0x45, 17
	return p
}

// numbered are distinct IP packets.
func numbered(n int) (list [][]byte) {
	for i := range n {
		p := ipPacket(100 + i)
		p[19] = byte(i)
		list = append(list, p)
	}
	return list
}

// drain waits until all is quiet and takes what arrived.
func drain(h *half) [][]byte {
	synctest.Wait()
	return h.nic.Drain()
}

func equal(a, b [][]byte) bool {
	return bytes.Equal(bytes.Join(a, nil), bytes.Join(b, nil)) && len(a) == len(b)
}

func TestRoadBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		packets := numbered(150) // more than a batch
		for _, p := range packets {
			near.nic.Inject(p)
			far.nic.Inject(p)
		}
		if !equal(drain(near), packets) || !equal(drain(far), packets) {
			t.Error("packets were lost or came out of order")
		}
		c := &far.peer.Counters
		if c.InPackets.Load() != 150 || c.OutPackets.Load() != 150 || c.InBytes.Load() != c.OutBytes.Load() {
			t.Errorf("counted %d in, %d out", c.InPackets.Load(), c.OutPackets.Load())
		}
		if drops := far.Counters.Snapshot(); len(drops) != 0 {
			t.Errorf("dropped %v", drops)
		}
	})
}

func TestOutboundDrops(t *testing.T) {
	for want, c := range map[Drop]func(near *half){
		Malformed: func(near *half) { near.nic.Inject([]byte("no IP packet")) },
		NoRoute: func(near *half) {
			near.role.route = func(*Receivers) Drop { return NoRoute }
			near.nic.Inject(ipPacket(100))
		},
		NoKey: func(near *half) {
			young := NewPeer(session.NewClient(testConfig(false), time.Now()), near.link, near.peer.Path(), nil)
			near.role.route = only(young)
			near.nic.Inject(ipPacket(100))
		},
		Unsent: func(near *half) {
			near.link.Close()
			near.nic.Inject(ipPacket(100))
		},
	} {
		t.Run(want.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far, _ := roads(t)
				c(near)
				if got := drain(far); len(got) != 0 {
					t.Errorf("%d packets arrived", len(got))
				}
				if got := near.Counters.Snapshot(); len(got) != 1 || got[want.String()] != 1 {
					t.Errorf("counted %v", got)
				}
			})
		})
	}
}

// sealed is a packet of the near end's data channel.
func (h *half) sealed(t *testing.T, plaintext []byte) []byte {
	t.Helper()
	p := buf.New(2000)
	p.Set(plaintext)
	if err := h.peer.Data.Seal(time.Now(), p); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(p.Bytes())
}

// write sends datagrams as they are.
func write(from *simnet.Endpoint, to netip.AddrPort, datagrams ...[]byte) {
	for _, b := range datagrams {
		p := buf.New(3000)
		p.Set(b)
		p.Path.Remote = to
		from.WriteBatch([]*buf.Packet{p})
	}
}

func TestInboundDrops(t *testing.T) {
	for want, c := range map[Drop]func(t *testing.T, near, far *half) [][]byte{
		Malformed: func(t *testing.T, near, far *half) [][]byte {
			return [][]byte{{}, {wire.Head(wire.PDataV2, 0)}, near.sealed(t, ipPacket(20))[:10]}
		},
		UnknownPeer: func(t *testing.T, near, far *half) [][]byte {
			far.role.demux = func() (*Peer, Drop) { return nil, UnknownPeer }
			return [][]byte{near.sealed(t, ipPacket(20))}
		},
		NoKey: func(t *testing.T, near, far *half) [][]byte {
			return [][]byte{append([]byte{wire.Head(wire.PDataV2, 5)}, make([]byte, 60)...)}
		},
		Forged: func(t *testing.T, near, far *half) [][]byte {
			b := near.sealed(t, ipPacket(20))
			b[len(b)-1] ^= 1
			return [][]byte{b}
		},
		Replayed: func(t *testing.T, near, far *half) [][]byte {
			b := near.sealed(t, []byte("once"))
			far.role.forward = func(_ []byte, to *Receivers) Drop {
				to.Adapter = true
				return Kept
			}
			write(near.link, farAddr, b)
			drain(far)
			return [][]byte{b, b}
		},
		BadSource: func(t *testing.T, near, far *half) [][]byte {
			far.role.forward = func([]byte, *Receivers) Drop { return BadSource }
			return [][]byte{near.sealed(t, ipPacket(20))}
		},
		TooLarge: func(t *testing.T, near, far *half) [][]byte {
			return [][]byte{near.sealed(t, ipPacket(1501))}
		},
		Unsent: func(t *testing.T, near, far *half) [][]byte {
			return [][]byte{near.sealed(t, nil)} // the adapter takes nothing empty
		},
	} {
		t.Run(want.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far, _ := roads(t)
				datagrams := c(t, near, far)
				write(near.link, farAddr, datagrams...)
				if got := drain(far); len(got) != 0 {
					t.Errorf("%d packets arrived", len(got))
				}
				if got := far.Counters.Snapshot(); len(got) != 1 || got[want.String()] != uint64(len(datagrams)) {
					t.Errorf("counted %v, want %d", got, len(datagrams))
				}
				far.role.demux, far.role.forward = func() (*Peer, Drop) { return far.peer, Kept }, nil
				near.nic.Inject(ipPacket(50))
				if got := drain(far); len(got) != 1 {
					t.Error("the road is blocked")
				}
			})
		})
	}
}

func TestInboundWithoutAdapter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		far.Road.Adapter = func() nic.NIC { return nil }
		near.nic.Inject(ipPacket(50))
		synctest.Wait()
		if far.Counters.Of(Unsent) != 1 {
			t.Errorf("counted %v", far.Counters.Snapshot())
		}
	})
}

func TestControlLeavesTheRoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		datagrams := [][]byte{{wire.Head(wire.PControlV1, 0), 1}, {0xff}, {0}}
		write(near.link, farAddr, datagrams...)
		synctest.Wait()
		if !equal(far.role.control, datagrams) {
			t.Errorf("the role got %x", far.role.control)
		}
	})
}

// TestOnlyAuthenticPacketsMove makes a stranger send packets that it overheard and
// packets that it made up, and the peer send from a new address.
func TestOnlyAuthenticPacketsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, net := roads(t)
		stranger, err := net.Listen(netip.MustParseAddrPort("203.0.113.1:1"))
		if err != nil {
			t.Fatal(err)
		}
		defer stranger.Close()
		old := near.sealed(t, ipPacket(60))
		write(near.link, farAddr, old)
		synctest.Wait()
		forged := near.sealed(t, ipPacket(60))
		forged[20] ^= 1
		write(stranger, farAddr, old, forged)
		synctest.Wait()
		if len(far.role.moves) != 0 || far.peer.Path().Remote != nearAddr {
			t.Fatalf("moved to %v", far.peer.Path())
		}
		moved := netip.MustParseAddrPort("198.51.100.9:9")
		if err := near.link.Rebind(moved); err != nil {
			t.Fatal(err)
		}
		near.nic.Inject(ipPacket(61))
		near.nic.Inject(ipPacket(62))
		synctest.Wait()
		if len(far.role.moves) != 1 || far.peer.Path().Remote != moved {
			t.Errorf("moves %v, path %v", far.role.moves, far.peer.Path())
		}
		far.nic.Inject(ipPacket(63))
		if got := drain(near); len(got) != 1 {
			t.Error("the answer did not find the new address")
		}
	})
}

// TestBetweenPeers forwards a packet from one peer to another, and lowers the
// segment size to the smaller of what both paths carry.
func TestBetweenPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, net := roads(t)
		client, server := sessions(t)
		third := newHalf(t, nic.IP, net, netip.MustParseAddrPort("192.0.2.3:1194"), farAddr, client)
		to := NewPeer(server, far.link, buf.Path{Remote: third.link.LocalAddr()}, func(*Peer, time.Time, session.Event) {})
		defer to.Stop()
		far.role.forward = func(_ []byte, r *Receivers) Drop { return only(to)(r) }
		for _, c := range []struct{ from, to int32 }{{1300, 1400}, {1400, 1300}, {1300, 0}} {
			far.peer.MaxInner.Store(c.from)
			to.MaxInner.Store(c.to)
			near.nic.Inject(segment(false, flagSYN, 0, mss(1460)))
			got := drain(third)
			if len(got) != 1 || !bytes.Equal(got[0], segment(false, flagSYN, 0, mss(1260))) {
				t.Errorf("limits %v: arrived %x", c, got)
			}
		}
		if got := far.nic.Drain(); len(got) != 0 {
			t.Errorf("%d packets on the host between", len(got))
		}
	})
}

func TestExitNoticeOnTheRoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		var ended error
		far.peer.OnEvent = func(_ time.Time, e session.Event) {
			if closed, ok := e.(session.Closed); ok {
				ended = closed.Err
			}
		}
		notice := []byte{0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81, 0x2d, 0x56, 0xb8, 0xd3, 0xaf, 0xc5, 0x45, 0x9c, 6}
		write(near.link, farAddr, near.sealed(t, notice))
		if got := drain(far); len(got) != 0 || !errors.Is(ended, session.ErrPeerExit) {
			t.Errorf("ended with %v, %d packets on the adapter", ended, len(got))
		}
	})
}

func TestDropNames(t *testing.T) {
	seen := make(map[string]bool)
	for d := Kept; d < drops; d++ {
		if d.String() == "" || seen[d.String()] {
			t.Errorf("drop %d is called %q", d, d)
		}
		seen[d.String()] = true
	}
	if fmt.Sprint(Malformed) != "malformed" {
		t.Error("a drop does not print")
	}
}

// TestExitNoticesAreBounded: a peer may repeat its exit as often as it likes while
// its control goroutine is held up, for instance by a program.
func TestExitNoticesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		hold := make(chan struct{})
		far.peer.Do(func(time.Time) { <-hold })
		synctest.Wait()
		notice := []byte{0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81, 0x2d, 0x56, 0xb8, 0xd3, 0xaf, 0xc5, 0x45, 0x9c, 6}
		for range 3 * maxMail {
			write(near.link, farAddr, near.sealed(t, notice))
			synctest.Wait()
		}
		far.peer.mu.Lock()
		waiting := len(far.peer.mail)
		far.peer.mu.Unlock()
		close(hold)
		if waiting == 0 || waiting > maxMail {
			t.Errorf("%d wait, want at most %d", waiting, maxMail)
		}
	})
}
