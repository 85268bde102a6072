package client

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/simnet"
	"culvert/role/event"
	"culvert/session"
)

// innerPacket is an IPv4 packet from a client's address, or to it, with a text.
func innerPacket(src, dst, text string) []byte {
	p := make([]byte, 20, 20+len(text))
	p[0], p[3], p[8], p[9] = 0x45, byte(20+len(text)), 64, 253
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(p[12:], s[:])
	copy(p[16:], d[:])
	return append(p, text...)
}

const ada = "<auth-user-pass>\nada\nsecret\n</auth-user-pass>"

// result waits for the end of a move.
func result(t *testing.T, moved <-chan error) error {
	t.Helper()
	select {
	case err := <-moved:
		return err
	case <-time.After(time.Minute):
		t.Fatal("a move does not end")
		return nil
	}
}

// TestUse: packets change over to another server when it is ready and not before, none is
// lost, the adapter stays, packets of the one before are taken for a while, and then it
// hears goodbye.
func TestUse(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		one, two := serve(t, network, "192.0.2.1:1194"), serve(t, network, "192.0.2.2:1194")
		c := connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", "explicit-exit-notify 1", ada), nil)
		wait[event.Up](t, c, 1, time.Minute)
		sent, stop := 0, make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					c.nic.Inject(innerPacket("10.8.0.2", "10.8.0.1", fmt.Sprint(sent)))
					sent++
				}
			}
		}()
		time.Sleep(100 * time.Millisecond)
		if err := result(t, c.Controls().Use(c.Controls().Remotes()[1], netip.AddrPort{}, "a test")); err != nil {
			t.Fatal(err)
		}
		up := wait[event.Up](t, c, 2, time.Minute)
		if up.Remote.Host != "192.0.2.2" || c.Server().Path().Remote.Addr().String() != "192.0.2.2" {
			t.Errorf("%+v", up)
		}
		one.sendPacket(innerPacket("10.8.0.1", "10.8.0.2", "late"))
		time.Sleep(100 * time.Millisecond)
		if got := c.nic.Drain(); len(got) != 1 || !strings.HasSuffix(string(got[0]), "late") {
			t.Errorf("from the server that was left came %q", got)
		}
		close(stop)
		<-stopped
		time.Sleep(time.Minute)
		first, second := one.packets(), two.packets()
		if len(first) == 0 || len(second) == 0 || len(first)+len(second) != sent {
			t.Errorf("%d packets to one and %d to the other, of %d", len(first), len(second), sent)
		}
		if next := fmt.Sprint(len(first)); !slices.Contains(second, next) {
			t.Errorf("packet %s after the last one to the first server is not at the second", next)
		}
		if n := len(c.states); n != 1 {
			t.Errorf("the adapter was opened %d times", n)
		}
		one.mu.Lock()
		defer one.mu.Unlock()
		if len(one.left) != 1 || !errors.Is(one.left[0], session.ErrPeerExit) {
			t.Errorf("the server that was left heard %v", one.left)
		}
		if s := c.Statistics(); s.AdapterRead == 0 || s.AdapterRead != uint64(bytesOf(first)+bytesOf(second)) {
			t.Errorf("counted %+v", s)
		}
		if kinds := c.kinds(); strings.Contains(kinds, "Lost") || strings.Contains(kinds, "Reconnecting") || !strings.HasSuffix(kinds, "Moving Secured Pushed Configuring Configured Up") {
			t.Error(kinds)
		}
		if p := c.sessions.load(); p.beside != nil || p.present == nil {
			t.Errorf("%+v", p)
		}
	})
}

func bytesOf(packets []string) (n int) {
	for _, p := range packets {
		n += 20 + len(p)
	}
	return n
}

// TestReconnect: a new connection to the same server takes the place of the present one.
func TestReconnect(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f := serve(t, network, "192.0.2.1:1194")
		c := connect(t, network, profileText("remote 192.0.2.1", ada), nil)
		wait[event.Up](t, c, 1, time.Minute)
		before := c.Server()
		if err := result(t, c.Controls().Reconnect("a test")); err != nil {
			t.Fatal(err)
		}
		if len(f.seen()) != 2 || c.Server() == before || len(reported[event.Lost](c)) > 0 {
			t.Error(c.kinds())
		}
		time.Sleep(time.Minute)
		if c.Server().Data.LastReceived().Before(time.Now().Add(-10 * time.Second)) {
			t.Error("nothing comes from the server any more")
		}
	})
}

// TestStays: the present connection is untouched by a move that does not come up.
func TestStays(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*far)
		lines   []string
		dead    bool
		want    string
	}{
		"silent": {dead: true, want: "not up within 20s"},
		"refused": {prepare: func(f *far) {
			f.hello = func(now time.Time, _ int, s *session.Session, _ *session.Hello) { s.Refuse(now, "no coffee") }
		}, want: "no coffee"},
		"asks": {prepare: func(f *far) {
			f.hello = func(now time.Time, _ int, s *session.Session, _ *session.Hello) {
				s.Pend(now, time.Minute, "WEB_AUTH::https://vpn.example")
			}
		}, want: errAsks.Error()},
		"one-time":  {lines: []string{`static-challenge "Code?" 1`}, want: errAsks.Error()},
		"forgotten": {lines: []string{"auth-nocache", "auth-user-pass"}, want: errAsks.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				one := serve(t, network, "192.0.2.1:1194")
				var two *far
				if !c.dead {
					two = serve(t, network, "192.0.2.2:1194")
				}
				if c.prepare != nil {
					c.prepare(two)
				}
				lines := append(c.lines, "remote 192.0.2.1", "remote 192.0.2.2")
				if !slices.Contains(lines, "auth-user-pass") {
					lines = append(lines, ada)
				}
				asked := 0
				n := connect(t, network, profileText(lines...), func(o *Options) {
					o.Ask = func(string, bool) (string, error) { asked++; return "answer", nil }
				})
				wait[event.Up](t, n, 1, time.Minute)
				before, questions := n.Server(), asked
				err := result(t, n.Controls().Use(n.Controls().Remotes()[1], netip.AddrPort{}, "a test"))
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("ended with %v", err)
				}
				time.Sleep(2 * time.Minute)
				n.nic.Inject(innerPacket("10.8.0.2", "10.8.0.1", "still"))
				synctest.Wait()
				time.Sleep(time.Second)
				if n.Server() != before || asked != questions || !slices.Contains(one.packets(), "still") || len(reported[event.Stayed](n)) != 1 {
					t.Errorf("%d questions: %s", asked-questions, n.kinds())
				}
				if p := n.sessions.load(); p.beside != nil {
					t.Error("the other session is still there")
				}
			})
		})
	}
}

// TestMoveOtherAddress: where the other server pushes another address, the adapter takes
// it, and the connection goes on.
func TestMoveOtherAddress(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		serve(t, network, "192.0.2.1:1194")
		two := serve(t, network, "192.0.2.2:1194")
		two.push = []string{"ifconfig 10.9.0.7 255.255.255.0", "topology subnet", "route-gateway 10.9.0.1"}
		c := connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", ada), func(o *Options) { o.Network = &fakeNetwork{way: wifi} })
		wait[event.Up](t, c, 1, time.Minute)
		if err := result(t, c.Controls().Use(c.Controls().Remotes()[1], netip.AddrPort{}, "a test")); err != nil {
			t.Fatal(err)
		}
		if said := reported[event.Remark](c); len(said) != 1 || !strings.Contains(said[0].Text, "than 10.8.0.2") || !strings.Contains(said[0].Text, "tcp to 10.77.0.1:22") {
			t.Errorf("said %+v", said)
		}
		if up := wait[event.Up](t, c, 2, time.Minute); up.IPv4.String() != "10.9.0.7" {
			t.Errorf("%+v", up)
		}
		if a := reported[event.Configuring](c)[1].Addresses; len(a) != 1 || a[0].String() != "10.9.0.7/24" {
			t.Error(a)
		}
	})
}

// TestRescue: a connection that is lost during a move is left for the other one, without
// beginning anew.
func TestRescue(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		one := serve(t, network, "192.0.2.1:1194")
		two := serve(t, network, "192.0.2.2:1194")
		two.hello = func(now time.Time, _ int, s *session.Session, h *session.Hello) {
			time.AfterFunc(3*time.Second, func() { two.do(func(now time.Time, s *session.Session) { two.admit(now, s, h) }) })
		}
		c := connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", ada), nil)
		wait[event.Up](t, c, 1, time.Minute)
		moved := c.Controls().Use(c.Controls().Remotes()[1], netip.AddrPort{}, "a test")
		time.Sleep(2 * time.Second)
		one.send("RESTART")
		time.Sleep(100 * time.Millisecond)
		one.do(func(_ time.Time, s *session.Session) { s.Exit(time.Now(), 1) })
		if err := result(t, moved); err != nil && !errors.Is(err, errEnded) {
			t.Error(err)
		}
		wait[event.Up](t, c, 2, time.Minute)
	})
}

// TestUseFirst: where there is no connection to leave, the remote is tried next.
func TestUseFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		serve(t, network, "192.0.2.3:1194")
		c := connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", "remote 192.0.2.3", ada), nil)
		wait[event.Connecting](t, c, 1, time.Minute)
		time.Sleep(time.Second)
		if err := result(t, c.Controls().Use(c.Controls().Remotes()[2], netip.AddrPort{}, "a test")); err != nil {
			t.Fatal(err)
		}
		if up := wait[event.Up](t, c, 1, 10*time.Second); up.Remote.Host != "192.0.2.3" {
			t.Errorf("%+v", up)
		}
	})
}

// TestMoveAgain: a second move ends the first one.
func TestMoveAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		serve(t, network, "192.0.2.1:1194")
		serve(t, network, "192.0.2.3:1194")
		c := connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", "remote 192.0.2.3", ada), nil)
		wait[event.Up](t, c, 1, time.Minute)
		remotes := c.Controls().Remotes()
		first := c.Controls().Use(remotes[1], netip.AddrPort{}, "a test")
		time.Sleep(time.Second)
		second := c.Controls().Use(remotes[2], netip.AddrPort{}, "a test")
		if err := result(t, first); !errors.Is(err, errSuperseded) {
			t.Error(err)
		}
		if err := result(t, second); err != nil {
			t.Error(err)
		}
		third := c.Controls().Use(remotes[0], netip.AddrPort{}, "while the one before still lingers")
		if err := result(t, third); err != nil {
			t.Error(err)
		}
	})
}

// TestEndDuringMove: a client that is to end does, and both servers hear it.
func TestEndDuringMove(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		serve(t, network, "192.0.2.1:1194")
		c := connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", ada), nil)
		wait[event.Up](t, c, 1, time.Minute)
		moved := c.Controls().Use(c.Controls().Remotes()[1], netip.AddrPort{}, "a test")
		time.Sleep(time.Second)
		c.stop()
		if err := c.ends(t, 5*time.Second); err != nil {
			t.Error(err)
		}
		if err := result(t, moved); err == nil {
			t.Error("a move to nobody succeeded")
		}
	})
}

// TestUseAtTheEnd: who asks for a move when the client ends, or has ended, is told so.
func TestUseAtTheEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		serve(t, network, "192.0.2.1:1194")
		c := connect(t, network, profileText("remote 192.0.2.1", ada), nil)
		wait[event.Up](t, c, 1, time.Minute)
		c.stop()
		pending := c.Controls().Reconnect("a test")
		_ = c.ends(t, time.Minute)
		for _, moved := range []<-chan error{pending, c.Controls().Reconnect("a test")} {
			if err := result(t, moved); err == nil {
				t.Error("it says that it has moved")
			}
		}
	})
}
