package client

import (
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/host/hostnet"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/role/event"
	"culvert/tunnel"
)

// keptWorld is a client with sockets that measure paths and can be moved, which keeps the
// connection to a server that follows it.
type keptWorld struct {
	*near
	network *simnet.Network
	host    *fakeNetwork
	one     *far

	mu    sync.Mutex
	links []*simnet.Endpoint
	here  netip.Addr
}

func keep(t *testing.T, network *simnet.Network, clk *fakeClock) *keptWorld {
	t.Helper()
	w := &keptWorld{network: network, host: &fakeNetwork{way: wifi, changes: make(chan struct{}, 1)}, here: netip.MustParseAddr("198.51.100.1")}
	var two *far
	w.one, two = serve(t, network, "192.0.2.1:1194"), serve(t, network, "192.0.2.2:1194")
	w.one.floats, two.floats = true, true
	w.one.push = append(w.one.push, "ping-restart 120")
	two.push = []string{"ifconfig 10.9.0.7 255.255.255.0", "topology subnet", "route-gateway 10.9.0.1", "ping 5", "ping-restart 120"}
	w.near = connect(t, network, profileText("remote 192.0.2.1", "remote 192.0.2.2", ada), func(o *Options) {
		o.Network, o.clock = w.host, clk.now
		o.Listen = func(link.Options) (link.Link, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			l, err := network.Listen(netip.AddrPortFrom(w.here, nextPort()))
			w.links = append(w.links, l)
			return simnet.Whole{Endpoint: l}, err
		}
	})
	wait[event.Up](t, w.near, 1, time.Minute)
	time.Sleep(10 * time.Second)
	use(t, w.near, 1)
	time.Sleep(time.Minute)
	return w
}

// former is the session that is kept.
func (w *keptWorld) former(t *testing.T) *tunnel.Peer {
	t.Helper()
	synctest.Wait()
	p, _ := w.Controls().Former()
	if p == nil {
		t.Fatalf("no session is kept: %+v", reported[event.Remark](w.near))
	}
	return p
}

// loses sets whether every packet is lost, and the longest that passes.
func (w *keptWorld) loses(all float64, mtu int) {
	w.network.Change(func(o *simnet.Options) { o.Loss, o.MTU = all, mtu })
}

// TestFormerPath: packets by a connection that is kept go by what its path carries, as that
// is measured.
func TestFormerPath(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		w := keep(t, network, &fakeClock{began: time.Now()})
		if f, ok := w.former(t).Found(); !ok || f.Bytes == 0 || f.Bytes < f.Tried || w.former(t).Carried() != 0 {
			t.Fatalf("before, %+v was found", f)
		}
		for _, mtu := range []int{1312, 0} {
			w.loses(0, mtu)
			for end := time.Now().Add(25 * time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
				w.nic.Inject(innerPacket("10.8.0.2", "10.77.0.1", "old"))
			}
			if narrow := w.former(t).Carried() > 0; narrow != (mtu > 0) {
				f, _ := w.former(t).Found()
				t.Errorf("on a path of %d packets inside have %d bytes, %+v was found", mtu, w.former(t).Carried(), f)
			}
		}
	})
}

// TestFormerFollowed: the server that is kept hears of another way and of the end of sleep as
// soon as packets pass, whatever was lost before, and the new path is measured.
func TestFormerFollowed(t *testing.T) {
	for name, dead := range map[string]time.Duration{"at once": 0, "after 2 s": 2 * time.Second, "after 30 s": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				w := keep(t, network, &fakeClock{began: time.Now()})
				w.mu.Lock()
				w.here = netip.MustParseAddr("203.0.113.9")
				for _, l := range w.links {
					_ = l.Rebind(netip.AddrPortFrom(w.here, nextPort())) // those that are closed are not there
				}
				w.mu.Unlock()
				lost := 0.
				if dead > 0 {
					lost = 1
				}
				w.loses(lost, 1312)
				w.host.set(mobile)
				w.host.changes <- struct{}{}
				time.Sleep(dead)
				w.loses(0, 1312)
				time.Sleep(slowEvery + 2*knockEvery)
				if at := w.one.now().Path().Remote.Addr(); at != w.here {
					t.Errorf("its server sends to %v", at)
				}
				time.Sleep(10 * time.Second)
				if w.former(t).Carried() == 0 {
					f, ok := w.former(t).Found()
					t.Errorf("the new path is not measured: %+v %v", f, ok)
				}
			})
		})
	}
}

// TestFormerAwake: the server that is kept hears of the end of sleep.
func TestFormerAwake(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		clk := &fakeClock{began: time.Now()}
		w := keep(t, network, clk)
		w.loses(1, 0)
		clk.sleep(time.Hour)
		time.Sleep(2 * time.Second)
		w.loses(0, 0)
		before := time.Now()
		time.Sleep(3 * knockEvery)
		if w.one.now() == nil || !w.one.now().Data.LastReceived().After(before) {
			t.Error("its server hears nothing")
		}
	})
}

// TestFormerOverWhileConnecting: the server that is tried stays routed past the tunnel when the
// connection that is kept ends meanwhile.
func TestFormerOverWhileConnecting(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		host := &fakeNetwork{way: wifi}
		c, _, two := moveAway(t, network, host, "redirect-gateway def1", "connect-retry 1")
		two.link.Close()
		for list := reported[event.Connecting](c); list[len(list)-1].Remote.Host != "192.0.2.3"; list = reported[event.Connecting](c) {
			time.Sleep(time.Second)
		}
		pinned := func(server string) bool {
			synctest.Wait()
			at := netip.MustParseAddr(server)
			return slices.ContainsFunc(c.state.Routes, func(r hostnet.Route) bool { return r.Bypass && r.Dst.Addr() == at })
		}
		if !pinned("192.0.2.1") || !pinned("192.0.2.3") {
			t.Errorf("before, the routes are %v", c.state.Routes)
		}
		host.open()
		time.Sleep(boundEvery + goodbyeTime)
		if pinned("192.0.2.1") || !pinned("192.0.2.3") {
			t.Errorf("the routes are %v", c.state.Routes)
		}
	})
}

// TestSessionsPromote: a session that is over by then is not kept.
func TestSessionsPromote(t *testing.T) {
	var s sessions
	present, over := new(tunnel.Peer), new(tunnel.Peer)
	from := netip.MustParseAddr("10.8.0.2")
	s.add(present)
	s.promote(present, over, []netip.Addr{from})
	if s.carrying(from) != present {
		t.Error("packets leave by a session that is over")
	}
}
