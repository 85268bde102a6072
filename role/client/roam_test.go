package client

import (
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/simnet"
	"culvert/link"
	"culvert/role/event"
)

// roamer is a client on a host that moves: its sockets and its way to the server.
type roamer struct {
	*near
	f       *far
	network *simnet.Network
	host    *fakeNetwork

	mu    sync.Mutex
	links []*simnet.Endpoint
	addr  netip.Addr
}

// roam returns a client that is up.
func roam(t *testing.T, network *simnet.Network, c *fakeClock, more ...func(*Options)) *roamer {
	r := &roamer{f: serve(t, network, "192.0.2.1:1194"), network: network, host: &fakeNetwork{way: wifi, changes: make(chan struct{}, 1)}, addr: netip.MustParseAddr("198.51.100.1")}
	r.near = connect(t, network, profileText("remote 192.0.2.1", ada), func(o *Options) {
		o.Network = r.host
		if c != nil {
			o.clock = c.now
		}
		for _, change := range more {
			change(o)
		}
		o.Listen = func(link.Options) (link.Link, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			l, err := network.Listen(netip.AddrPortFrom(r.addr, nextPort()))
			r.links = append(r.links, l)
			return l, err
		}
	})
	wait[event.Up](t, r.near, 1, time.Minute)
	time.Sleep(time.Second)
	return r
}

// moves moves the host to another network.
func (r *roamer) moves(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addr = netip.MustParseAddr("203.0.113.9")
	for _, l := range r.links {
		_ = l.Rebind(netip.AddrPortFrom(r.addr, nextPort())) // those that are closed are not there
	}
	r.host.set(mobile)
	r.host.changes <- struct{}{}
}

// forget drops the session, as a server does that is started anew.
func (f *far) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.peer != nil {
		f.peer.Stop()
		f.peer = nil
	}
}

// gap returns how long it takes until a packet of the client's has reached the server.
func (r *roamer) gap(t *testing.T) time.Duration {
	t.Helper()
	began, before := time.Now(), len(r.f.packets())
	for time.Since(began) < time.Minute {
		r.nic.Inject(innerPacket("10.8.0.2", "10.8.0.1", "x"))
		time.Sleep(10 * time.Millisecond)
		if p := r.f.now(); len(r.f.packets()) > before && p.Path().Remote.Addr() == r.addr {
			return time.Since(began)
		}
	}
	t.Fatalf("no packet reaches the server: %s", r.kinds())
	return 0
}

// TestRoam: a server that follows the client is gone on with, one that does not, or has
// forgotten it, is called anew beside that, and neither takes a second, from when packets
// pass.
func TestRoam(t *testing.T) {
	for name, c := range map[string]struct {
		floats, forgot bool
		dead           time.Duration // the new way does not work at first
		anew           bool
	}{
		"followed":                {floats: true},
		"not followed":            {anew: true},
		"forgotten":               {floats: true, forgot: true, anew: true},
		"followed, dead for 5 s":  {floats: true, dead: 5 * time.Second},
		"forgotten, dead for 3 s": {forgot: true, dead: 3 * time.Second, anew: true},
		"forgotten, for 15 s":     {forgot: true, dead: 15 * time.Second, anew: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				r := roam(t, network, nil)
				r.f.floats = c.floats
				if c.forgot {
					r.f.forget()
				}
				if c.dead > 0 {
					network.Change(func(o *simnet.Options) { o.Loss = 1 })
				}
				r.moves(t)
				time.Sleep(c.dead)
				network.Change(func(o *simnet.Options) { o.Loss = 0 })
				limit := time.Second
				if c.dead > 5*time.Second {
					limit = maxResetTime + time.Second
				}
				if gap := r.gap(t); gap > limit {
					t.Errorf("the gap is %v", gap)
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if n := len(r.f.seen()); (n > 1) != c.anew || len(reported[event.Lost](r.near)) > 0 || len(reported[event.Stayed](r.near)) > 0 {
					t.Errorf("%d handshakes: %s", n, r.kinds())
				}
				if r.mover.roaming.tick != nil || r.sessions.load().beside != nil {
					t.Error("it does not end")
				}
			})
		})
	}
}

// fakeClock is a host's, which can sleep.
type fakeClock struct {
	mu    sync.Mutex
	began time.Time
	slept time.Duration
}

func (c *fakeClock) now() (running, wall time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.began), time.Since(c.began) + c.slept
}

func (c *fakeClock) sleep(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept += d
}

// TestWake: after sleep the server is asked at once whether it still knows this client.
func TestWake(t *testing.T) {
	for _, forgot := range []bool{false, true} {
		inWorld(t, func(t *testing.T, network *simnet.Network) {
			c := &fakeClock{began: time.Now()}
			r := roam(t, network, c)
			r.f.floats = true
			time.Sleep(time.Minute)
			if len(reported[event.Woke](r.near)) > 0 {
				t.Fatal("it woke without sleep")
			}
			if forgot {
				r.f.forget()
			}
			c.sleep(time.Hour)
			if gap := r.gap(t); gap > time.Second {
				t.Errorf("the gap is %v", gap)
			}
			time.Sleep(time.Second)
			slept := wait[event.Woke](t, r.near, 1, time.Second).Slept
			if slept < 59*time.Minute || slept > 61*time.Minute || (len(r.f.seen()) > 1) != forgot {
				t.Errorf("slept %v: %s", slept, r.kinds())
			}
		})
	}
}
