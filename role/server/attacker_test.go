package server_test

import (
	"bytes"
	"crypto/rand"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/internal/digest"
	"culvert/internal/simnet"
	"culvert/role/server"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// armoured is a kind of control channel armour, by what stands in the two
// configurations, and the wrapper of an attacker who has what any client of the
// server has.
type armoured struct {
	name, server, client string
	asClient, asServer   func() wrap.Wrapper
}

// armours are all kinds. With tls-crypt-v2 an attacker has a key, but not that of
// others.
func armours(t testing.TB) []armoured {
	key := must(wrap.GenerateStaticKey(rand.Reader))(t)
	sha1 := must(digest.Lookup("SHA1"))(t)
	none := func() wrap.Wrapper { return wrap.None{} }
	auth := func() wrap.Wrapper { return wrap.NewTLSAuth(key, wrap.Bidirectional, sha1) }
	other := must(wrap.GenerateClientKeyV2(rand.Reader, ours().v2, nil))(t)
	return []armoured{
		{"none", "", "", none, none},
		{"tls-auth", block("tls-auth", key.Format()), block("tls-auth", key.Format()), auth, auth},
		{"tls-crypt", block("tls-crypt", key.Format()), block("tls-crypt", key.Format()),
			func() wrap.Wrapper { return wrap.NewTLSCrypt(key, false) }, func() wrap.Wrapper { return wrap.NewTLSCrypt(key, true) }},
		{"tls-crypt-v2", block("tls-crypt-v2", ours().v2.Format()), "",
			func() wrap.Wrapper { return wrap.NewTLSCryptV2Client(other) }, func() wrap.Wrapper { return wrap.NewTLSCrypt(key, true) }},
	}
}

func (a armoured) serve(w *world, more string) *serving {
	w.t.Helper()
	return w.serveText(strings.Replace(ours().serverConf(more), block("tls-crypt-v2", ours().v2.Format()), a.server, 1))
}

func (a armoured) dial(w *world, name, more string) *connected {
	w.t.Helper()
	return a.dialFrom(w, victimAddr, name, more)
}

func (a armoured) dialFrom(w *world, addr netip.AddrPort, name, more string) *connected {
	w.t.Helper()
	text := ours().profile(w.t, name, more)
	if a.client != "" || a.name == "none" {
		text = text[:strings.Index(text, "<tls-crypt-v2>")] + a.client
	}
	return w.dialText(addr, name, text)
}

var (
	victimAddr   = netip.MustParseAddrPort("198.51.100.240:40000")
	attackerAddr = netip.MustParseAddrPort("203.0.113.66:6666")
)

// attacker sees all that goes between a client and the server, and sends from an
// address of its own.
type attacker struct {
	w        *world
	armour   armoured
	link     *simnet.Endpoint
	asClient wrap.Wrapper
	asServer wrap.Wrapper
	inbox    chan []byte

	mu             sync.Mutex
	client, server wire.SessionID // the newest
	seen           [][]byte       // of the client
	hold           func(from, to netip.AddrPort, datagram []byte) bool
}

func (w *world) attack(a armoured) *attacker {
	w.t.Helper()
	x := &attacker{w: w, armour: a, asClient: a.asClient(), asServer: a.asServer(), inbox: make(chan []byte, 5000)}
	x.link = must(w.net.Listen(attackerAddr))(w.t)
	w.net.Change(func(o *simnet.Options) { o.Filter = x.watch })
	w.t.Cleanup(func() { x.link.Close() })
	go x.read()
	return x
}

// read takes what is sent to the attacker.
func (x *attacker) read() {
	batch := buf.NewBatch(32, 2000)
	for {
		n, err := x.link.ReadBatch(batch)
		if err != nil {
			return
		}
		for _, p := range batch[:n] {
			select {
			case x.inbox <- bytes.Clone(p.Bytes()):
			default:
			}
		}
	}
}

// watch reads session ids, which every armour leaves in clear.
func (x *attacker) watch(from, to netip.AddrPort, datagram []byte) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if from == attackerAddr || to == attackerAddr {
		return true
	}
	var c wire.Control
	if _, err := c.ParseHeader(datagram); err == nil {
		if from == victimAddr {
			x.client = c.Session
			x.seen = append(x.seen, bytes.Clone(datagram))
		} else {
			x.server = c.Session
		}
	}
	return x.hold == nil || x.hold(from, to, datagram)
}

func (x *attacker) ids() (client, server wire.SessionID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.client, x.server
}

func (x *attacker) send(to netip.AddrPort, b []byte) {
	p := buf.New(buf.DefaultSize)
	p.Set(b)
	p.Path.Remote = to
	x.link.WriteBatch([]*buf.Packet{p})
}

// garbage sends what any garbage may be to both ends: under every key, with
// packet-ids that may be next, and acknowledgements of everything; and all that
// it has seen of the client again.
func (x *attacker) garbage() {
	client, server := x.ids()
	for key := range wire.KeyID(2) {
		for id := range wire.PacketID(8) {
			for _, op := range []wire.Opcode{wire.PControlV1, wire.PAckV1, wire.PControlSoftResetV1, wire.PControlHardResetServerV2, wire.PControlHardResetClientV2} {
				c := wire.Control{Op: op, Key: key, Session: client, ID: id, Acks: []wire.PacketID{id}, Peer: server, Payload: []byte("GARBAGE")}
				if op == wire.PAckV1 {
					c.Payload = nil
				}
				x.send(serverAddr, x.asClient.Wrap(nil, &c, time.Now()))
				c.Session, c.Peer = server, client
				x.send(victimAddr, x.asServer.Wrap(nil, &c, time.Now()))
			}
		}
	}
	x.mu.Lock()
	seen := x.seen
	x.mu.Unlock()
	for _, packet := range seen[:min(len(seen), 40)] {
		x.send(serverAddr, packet)
	}
}

// TestGarbageIntoSession: garbage with the ids of a session that is up, from
// another address, neither ends it nor stalls it, at either end: data passes, and
// keys are renewed under it as if there were none.
func TestGarbageIntoSession(t *testing.T) {
	for _, a := range armours(t) {
		for _, float := range []string{"", "float"} {
			t.Run(a.name+" "+float, func(t *testing.T) {
				inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
					x := w.attack(a)
					s := a.serve(w, "reneg-sec 8")
					c := a.dial(w, "anna", float)
					c.up(10 * time.Second)
					exchange(t, s, c)
					for range 25 {
						x.garbage()
						time.Sleep(time.Second)
					}
					exchange(t, s, c)
					if n := len(happened[server.Renewed](s)); n < 2 {
						t.Errorf("keys were renewed %d times in 25 s, under reneg-sec 8", n)
					}
					if failed, ended := happened[server.RenewalFailed](s), happened[server.Ended](s); len(failed)+len(ended) > 0 {
						t.Errorf("the garbage did something to the server: %v, %v", failed, ended)
					}
					if logged(&c.process, "renewing keys failed") || logged(&c.process, "not connected") {
						t.Error("the garbage did something to the client")
					}
				})
			})
		}
	}
}

// TestGarbageIntoHandshake: garbage from the first packet on, and a copy of the
// client's packets from another address ahead of it, do not delay a handshake.
func TestGarbageIntoHandshake(t *testing.T) {
	for _, a := range armours(t) {
		for _, float := range []string{"", "float"} {
			t.Run(a.name+" "+float, func(t *testing.T) {
				inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
					x := w.attack(a)
					s := a.serve(w, "")
					began := time.Now()
					c := a.dial(w, "anna", float)
					stop := time.After(3 * time.Second)
					for up := false; !up; {
						time.Sleep(4 * time.Millisecond)
						if client, server := x.ids(); !client.IsZero() && (float == "" || !server.IsZero()) {
							x.garbage()
						}
						select {
						case <-c.ready:
							up = true
						case <-stop:
							t.Fatalf("not up after %v\n%s", time.Since(began), c.log.String())
						default:
						}
					}
					exchange(t, s, c)
				})
			})
		}
	}
}

// TestQuickerObserver: somebody who sees a client's first packet sends it too, answers
// the server's answer in the client's stead, and begins a session with the
// client's id before the client does. The client gets in as if it were alone.
func TestQuickerObserver(t *testing.T) {
	for _, a := range armours(t) {
		if a.name == "tls-crypt-v2" {
			continue // nobody but the client can answer
		}
		t.Run(a.name, func(t *testing.T) {
			inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
				x := w.attack(a)
				var begun atomic.Bool
				x.hold = func(from, _ netip.AddrPort, datagram []byte) bool {
					// The client's answer is lost, so that the attacker's is first.
					op, _ := wire.ParseHead(datagram[0])
					return from != victimAddr || op != wire.PControlV1 || begun.Load()
				}
				s := a.serve(w, "")
				c := a.dial(w, "anna", "")
				w.until(time.Second, "the client's first packet", func() bool { client, _ := x.ids(); return !client.IsZero() })
				client, _ := x.ids()
				x.send(serverAddr, x.asClient.Wrap(nil, &wire.Control{Op: wire.PControlHardResetClientV2, Session: client}, time.Now()))
				answer := x.receive()
				ack := wire.Control{Op: wire.PAckV1, Session: client, Acks: []wire.PacketID{0}, Peer: answer.Session}
				x.send(serverAddr, x.asClient.Wrap(nil, &ack, time.Now()))
				time.Sleep(50 * time.Millisecond)
				begun.Store(true)
				c.up(5 * time.Second)
				exchange(t, s, c)
			})
		})
	}
}

// receive waits for a packet that the server sent to the attacker.
func (x *attacker) receive() (c *wire.Control) {
	x.w.t.Helper()
	x.w.until(time.Second, "an answer to the attacker", func() bool { c = x.pending(); return c != nil })
	return c
}

// pending is the next packet that the server sent to the attacker, nil if there
// is none.
func (x *attacker) pending() *wire.Control {
	select {
	case b := <-x.inbox:
		c := new(wire.Control)
		if err := x.reader().Unwrap(c, b); err != nil {
			x.w.t.Error(err)
		}
		return c
	default:
		return nil
	}
}

// reader reads one packet of the server's. Of those that keep nothing each has
// the same replay id.
func (x *attacker) reader() wrap.Wrapper { return x.armour.asClient() }

// TestFloatInTheMidstOfRekey: a client's address changes with its keys half
// renewed, and nothing but its control packets and pings go out. The ping moves
// it, and the same renewal goes on.
func TestFloatInTheMidstOfRekey(t *testing.T) {
	for _, a := range armours(t) {
		t.Run(a.name, func(t *testing.T) {
			inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
				x := w.attack(a)
				s := a.serve(w, "keepalive 5 60")
				moved := make(chan struct{}, 1)
				x.hold = func(from, _ netip.AddrPort, datagram []byte) bool {
					if op, _ := wire.ParseHead(datagram[0]); op == wire.PControlSoftResetV1 && from == victimAddr {
						select {
						case moved <- struct{}{}:
						default:
						}
					}
					return true
				}
				c := a.dial(w, "anna", "reneg-sec 30")
				c.up(10 * time.Second)
				<-moved
				if err := c.link.Rebind(netip.MustParseAddrPort("198.51.100.241:999")); err != nil {
					t.Fatal(err)
				}
				w.until(20*time.Second, "keys renewed on both sides", func() bool {
					return len(happened[server.Renewed](s)) > 0 && logged(&c.process, "keys renewed")
				})
				exchange(t, s, c)
				if logged(&c.process, "renewing keys failed") || logged(&c.process, "not connected") {
					t.Error("the connection did not go through unharmed")
				}
			})
		})
	}
}

// TestForeignArmour: a client with armour that its server does not have is not
// left unmentioned, though its reset looks like one in clear; once a minute.
func TestForeignArmour(t *testing.T) {
	for i, want := range map[int]string{1: "seems to use tls-auth, with a digest of 20 bytes; this server has none", 2: "seems to use tls-crypt; this server has none"} {
		inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
			all := armours(t)
			s := all[0].serve(w, "")
			all[i].dial(w, "anna", "")
			time.Sleep(59 * time.Second)
			if got := happened[server.Stray](s); len(got) != 1 || !strings.Contains(got[0].Diagnosis, want) || got[0].From != victimAddr {
				t.Errorf("%s: %+v", all[i].name, got)
			}
		})
	}
}
