package server_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access"
	"culvert/config"
	"culvert/host/hostnet"
	"culvert/internal/simnet"
	"culvert/role/server"
)

// inBubble runs a test on a network of its own, in virtual time. A goroutine
// or coroutine left behind fails it.
func inBubble(t *testing.T, o simnet.Options, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, o)) })
}

func TestConnect(t *testing.T) {
	for _, topology := range []string{"subnet", "net30", "p2p"} {
		t.Run(topology, func(t *testing.T) {
			inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
				s := w.serve("topology " + topology)
				c := w.connect("anna", "")
				exchange(t, s, c)

				inner6 := netip.MustParseAddr("fd00:8::1000")
				there := ipv6(inner6, netip.MustParseAddr("2001:db8::1"), "there")
				c.nic.Inject(there)
				expect(t, s.nic, there)
				back := ipv6(netip.MustParseAddr("2001:db8::1"), inner6, "back")
				s.nic.Inject(back)
				expect(t, c.nic, back)
				if drops := s.Drops(); len(drops) != 0 {
					t.Errorf("dropped %v", drops)
				}
			})
		})
	}
}

// TestBadPath is the path: a fifth of all packets lost, others doubled
// or out of order, and nothing above 1,000 bytes passes.
func TestBadPath(t *testing.T) {
	for seed := range uint64(10) {
		o := simnet.Options{Seed: seed, Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond,
			Loss: 0.2, Duplicate: 0.1, Reorder: 0.2, MTU: 1000}
		inBubble(t, o, func(t *testing.T, w *world) {
			s := w.serve("")
			c := w.connect("anna", "")
			w.net.Change(func(o *simnet.Options) { o.Loss = 0 })
			time.Sleep(5 * time.Second)
			exchange(t, s, c)
		})
	}
}

// TestFloatThenRekey moves the client's outer address. What the server sends
// to the old one is lost, so that keys can only be renewed at the new.
func TestFloatThenRekey(t *testing.T) {
	for _, who := range []string{"client", "server"} {
		t.Run(who, func(t *testing.T) {
			inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
				reneg := map[string]string{who: "reneg-sec 30"}
				s := w.serve(reneg["server"])
				c := w.connect("anna", reneg["client"])
				exchange(t, s, c)
				if err := c.link.Rebind(netip.MustParseAddrPort("198.51.100.200:999")); err != nil {
					t.Fatal(err)
				}
				exchange(t, s, c)
				if got := happened[server.Moved](s); len(got) != 1 || got[0].Name != "anna" || got[0].Remote.Port() != 999 || got[0].From.Port() != 40000 {
					t.Errorf("moves: %+v", got)
				}
				w.until(40*time.Second, "keys renewed on both sides", func() bool {
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

func TestClientToClient(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		s := w.serve("client-to-client")
		a, b := w.connect("anna", ""), w.connect("bert", "")
		packet := ipv4(a.inner(), b.inner(), "hello bert")
		a.nic.Inject(packet)
		expect(t, b.nic, packet)
		synctest.Wait()
		if got := s.nic.Drain(); len(got) != 0 {
			t.Errorf("the server's adapter saw %d packets between clients", len(got))
		}
		// What is for nobody in particular still goes to the host.
		exchange(t, s, a)
	})
}

func TestWithoutClientToClientTheHostDecides(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		s := w.serve("")
		a, b := w.connect("anna", ""), w.connect("bert", "")
		packet := ipv4(a.inner(), b.inner(), "hello bert")
		a.nic.Inject(packet)
		expect(t, s.nic, packet)
		if got := b.nic.Drain(); len(got) != 0 {
			t.Errorf("%d packets went past the host", len(got))
		}
	})
}

func TestWrongSourceIsDroppedAndCounted(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		s := w.serve("client-to-client")
		a, b := w.connect("anna", ""), w.connect("bert", "")
		for _, src := range []netip.Addr{b.inner(), serverIPv4, outside, netip.MustParseAddr("10.8.0.200")} {
			a.nic.Inject(ipv4(src, outside, "spoofed"))
			a.nic.Inject(ipv4(src, b.inner(), "spoofed"))
		}
		a.nic.Inject(ipv6(netip.MustParseAddr("fd00:8::1001"), netip.MustParseAddr("2001:db8::1"), "spoofed"))
		a.nic.Inject([]byte{0x45, 0, 0})
		synctest.Wait()
		if got := append(s.nic.Drain(), b.nic.Drain()...); len(got) != 0 {
			t.Errorf("%d spoofed packets arrived, such as %q", len(got), got[0])
		}
		if got := s.Drops()["bad source address"]; got != 9 {
			t.Errorf("%d counted, want 9: %v", got, s.Drops())
		}
		if got := happened[server.BadSource](s); len(got) != 2 || got[0].Source != b.inner() || got[0].IPv4 != a.inner() || got[0].Reason != server.SourceTaken || got[0].Owner != "bert" || got[1].Reason != server.SourceOwn {
			t.Errorf("want one event for each reason, got %+v", got)
		}
		exchange(t, s, a)
	})
}

// decider keeps one client out, and gives the others a route.
type decider struct{}

func (decider) Decide(_ context.Context, a *access.Applicant, to *config.PerClient) error {
	if a.CommonName == "bert" {
		return &access.Refusal{Reason: "bert is on holiday"}
	}
	to.Push = append(to.Push, "route 192.0.2.128 255.255.255.128")
	return nil
}

// TestDecider: whoever is asked beside the server's own checks keeps clients out,
// in words that they are told, and adds to what the others get.
func TestDecider(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serveText(ours().serverConf(""), decider{})
		a := w.connect("anna", "")
		exchange(t, s, a)
		if got := fmt.Sprint(a.states[0].Routes); !strings.Contains(got, "192.0.2.128/25") {
			t.Errorf("routes of the one who may come in: %s", got)
		}
		b := w.dial("bert", "")
		<-b.ended
		if b.err == nil || !strings.Contains(b.err.Error(), "bert is on holiday") {
			t.Errorf("the one who may not: %v", b.err)
		}
		if got := happened[server.Refused](s); len(got) == 0 || got[0].Name != "bert" {
			t.Errorf("refused: %+v", got)
		}
	})
}

func TestRefusalReachesTheClient(t *testing.T) {
	for limit, reason := range map[string]string{
		"max-clients 1": "the server is full (max-clients)",
		"ifconfig-pool 10.8.0.2 10.8.0.2\nserver 10.8.0.0 255.255.255.0 nopool": "no address is free: all 1 are leased",
	} {
		t.Run(reason, func(t *testing.T) {
			inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
				s := w.serve(limit)
				a := w.connect("anna", "")
				b := w.dial("bert", "")
				w.until(time.Minute, "client told why", func() bool { return logged(&b.process, reason) })
				if got := happened[server.Refused](s); len(got) == 0 || got[0].Name != "bert" || got[0].Reason != reason {
					t.Errorf("refused: %+v", got)
				}
				exchange(t, s, a)
				w.until(time.Minute, "refused client forgotten", func() bool { return s.Sessions() == 1 })

				// The one who is in may come again, though the server has not
				// noticed that it went.
				a.nic.Close()
				<-a.ended
				a = w.connect("anna", "")
				exchange(t, s, a)

				// A server that is full asks clients to come back later.
				a.stop()
				b.up(5 * time.Minute)
				exchange(t, s, b)
				b.stop()
			})
		})
	}
}

func TestSameNameTwice(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		a := w.connect("anna", "connect-retry 100")
		again := w.connect("anna", "")
		if a.inner() != again.inner() {
			t.Errorf("addresses %v and %v", a.inner(), again.inner())
		}
		exchange(t, s, again)
		if got := happened[server.Replaced](s); len(got) != 1 || got[0].Name != "anna" || got[0].By.Addr() == got[0].Remote.Addr() {
			t.Errorf("%+v", got)
		}
		w.until(time.Second, "one client left", func() bool { return s.Sessions() == 1 && s.Leases() == 1 })
	})
}

func TestDuplicateCN(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("duplicate-cn")
		a, b := w.connect("anna", ""), w.connect("anna", "")
		if a.inner() == b.inner() {
			t.Errorf("both have %v", a.inner())
		}
		exchange(t, s, a)
		exchange(t, s, b)
	})
}

func TestExitNotify(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		c := w.connect("anna", "explicit-exit-notify 1")
		if err := c.stop(); err != nil {
			t.Error(err)
		}
		w.until(time.Second, "client forgotten", func() bool {
			return s.Sessions() == 0 && s.Leases() == 0 && s.FreeIDs() == 1024
		})
		if got := happened[server.Ended](s); len(got) != 1 || got[0].How != server.Left {
			t.Errorf("%+v", got)
		}
	})
}

// TestServerRestarts stops a server, which says so, and starts another one:
// the client comes back and keeps its adapter.
func TestServerRestarts(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("explicit-exit-notify 1")
		c := w.connect("anna", "")
		exchange(t, s, c)
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		w.until(3*time.Second, "client told", func() bool { return logged(&c.process, "RESTART") })
		s = w.serve("")
		c.up(time.Minute)
		exchange(t, s, c)
		if len(c.states) != 1 {
			t.Errorf("the adapter was opened %d times", len(c.states))
		}
	})
}

// TestServerDies cuts a server off without a word. Its successor knows
// nothing of the client, which must find out by itself.
func TestServerDies(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		c := w.connect("anna", "")
		exchange(t, s, c)
		s.link.Close()
		s.stop()
		if logged(&c.process, "not connected") {
			t.Error("the client was told after all")
		}
		s = w.serve("")
		c.up(3 * time.Minute)
		exchange(t, s, c)
	})
}

// TestOutage is longer than ping-restart.
func TestOutage(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		c := w.connect("anna", "")
		w.net.Change(func(o *simnet.Options) { o.Loss = 1 })
		time.Sleep(90 * time.Second)
		if !logged(&c.process, "ping-restart") {
			t.Error("the client did not notice")
		}
		c.nic.Inject(ipv4(c.inner(), outside, "lost"))
		time.Sleep(60 * time.Second)
		if s.Sessions() != 0 {
			t.Error("the server did not notice")
		}
		w.net.Change(func(o *simnet.Options) { o.Loss = 0 })
		c.up(5 * time.Minute)
		exchange(t, s, c)
		if len(c.states) != 1 {
			t.Errorf("the adapter was opened %d times", len(c.states))
		}
	})
}

func TestLongPush(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond, Loss: 0.1}, func(t *testing.T, w *world) {
		var push strings.Builder
		for i := range 300 {
			fmt.Fprintf(&push, "push \"route 172.%d.%d.0 255.255.255.0\"\n", 16+i/256, i%256)
		}
		w.serve(push.String())
		c := w.connect("anna", "")
		routes := c.states[0].Routes
		for i := range 300 {
			want := hostnet.Route{Dst: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(16 + i/256), byte(i), 0}), 24), Via: serverIPv4}
			if !slices.Contains(routes, want) {
				t.Fatalf("no route to %v among %d", want.Dst, len(routes))
			}
		}
	})
}

// TestIdle leaves a tunnel alone for an hour.
func TestIdle(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		c := w.connect("anna", "")
		time.Sleep(3 * time.Hour)
		exchange(t, s, c)
		if logged(&c.process, "not connected") || !logged(&c.process, "keys renewed") {
			t.Error("the tunnel did not stay up with its keys renewed")
		}
	})
}

// TestSocketTakenAway: a client whose socket ends opens another.
func TestSocketTakenAway(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		c := w.connect("anna", "")
		c.link.Close()
		c.up(time.Minute)
		exchange(t, s, c)
	})
}

// TestServerSendsOn: a server that goes can send its clients to the next remote,
// past the other addresses of its own name; or to itself.
func TestServerSendsOn(t *testing.T) {
	for notify, next := range map[string]string{"1": "192.0.2.1", "2": "192.0.2.7"} {
		inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
			s := w.serve("explicit-exit-notify " + notify)
			c := w.connect("anna", "remote second.example")
			exchange(t, s, c)
			s.stop()
			w.until(10*time.Second, "another try", func() bool { return strings.Count(c.log.String(), "msg=connecting") == 2 })
			_, after, _ := strings.Cut(c.log.String(), "RESTART")
			if !strings.Contains(after, next+":1194") {
				t.Errorf("explicit-exit-notify %s: not to %s:\n%s", notify, next, after)
			}
		})
	}
}
