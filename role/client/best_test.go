package client

import (
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/role/event"
	"culvert/role/profile/reach"
)

// farther is a world whose servers are at distances of their own.
type farther struct {
	mu    sync.Mutex
	delay map[netip.AddrPort]time.Duration // both ways together
	every map[netip.AddrPort]int           // of so many datagrams from there one is lost
	dead  map[netip.AddrPort]bool
	count map[netip.AddrPort]int
	first map[netip.AddrPort]int // resets that came
}

func newFarther(network *simnet.Network, delays map[string]time.Duration) *farther {
	f := &farther{delay: map[netip.AddrPort]time.Duration{}, every: map[netip.AddrPort]int{}, dead: map[netip.AddrPort]bool{}, count: map[netip.AddrPort]int{}, first: map[netip.AddrPort]int{}}
	for at, d := range delays {
		f.delay[netip.MustParseAddrPort(at)] = d
	}
	network.Change(func(o *simnet.Options) {
		o.Delay = time.Millisecond
		o.Farther = func(from, to netip.AddrPort) time.Duration {
			f.mu.Lock()
			defer f.mu.Unlock()
			return (f.delay[from] + f.delay[to]) / 2
		}
		o.Filter = func(from, to netip.AddrPort, b []byte) bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(b) > 0 && b[0]>>3 == 7 { // P_CONTROL_HARD_RESET_CLIENT_V2
				f.first[to]++
			}
			f.count[from]++
			lost := f.every[from] > 0 && f.count[from]%f.every[from] == 0
			return !lost && !f.dead[from] && !f.dead[to]
		}
	})
	return f
}

// change changes the world.
func (f *farther) change(do func(f *farther)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

const firstAt, secondAt, thirdAt = "192.0.2.1:1194", "192.0.2.2:1194", "192.0.2.3:1194"

// threeServers are one near and two farther away, of which the near one is the second
// remote.
func threeServers(t *testing.T, network *simnet.Network, lines ...string) (f *farther, servers map[string]*far, c *near) {
	return threeServersWith(t, network, nil, append([]string{ada}, lines...)...)
}

// threeServersWith is threeServers, with other options of the client, and nobody's key.
func threeServersWith(t *testing.T, network *simnet.Network, more func(*Options), lines ...string) (f *farther, servers map[string]*far, c *near) {
	servers = map[string]*far{}
	for _, at := range []string{firstAt, secondAt, thirdAt} {
		servers[at] = serve(t, network, at)
	}
	f = newFarther(network, map[string]time.Duration{firstAt: 40 * time.Millisecond, secondAt: 10 * time.Millisecond, thirdAt: 90 * time.Millisecond})
	t.Cleanup(func() { time.Sleep(2 * sampleTime) }) // until the last question is given up
	lines = append([]string{"remote 192.0.2.1", "remote 192.0.2.2", "remote 192.0.2.3", "remote-select fastest 5"}, lines...)
	return f, servers, connect(t, network, profileText(lines...), more)
}

// at waits until a client is connected for the n-th time, and wants it to be to a server.
func at(t *testing.T, c *near, n int, limit time.Duration, server string) {
	t.Helper()
	if up := wait[event.Up](t, c, n, limit); up.Remote.Addr.String() != server {
		t.Fatalf("connected to %v, want %s", up.Remote, server)
	}
}

// TestFastest: the nearest server is used at once; it is left without a gap when it becomes
// slow, and the next one within seconds when it dies.
func TestFastest(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		began := time.Now()
		f, _, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the first connection took %v", took)
		}
		time.Sleep(2 * time.Minute)
		if n := len(reported[event.Up](c)); n != 1 {
			t.Fatalf("connected %d times while nothing happened", n)
		}
		f.change(func(f *farther) { f.delay[netip.MustParseAddrPort(secondAt)] = 700 * time.Millisecond }) // longer than an answer is waited for
		at(t, c, 2, time.Minute, firstAt)
		if lost := reported[event.Lost](c); len(lost) > 0 {
			t.Errorf("the connection was lost on the way: %v", lost)
		}
		time.Sleep(30 * time.Second)
		died := time.Now()
		f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(firstAt)] = true })
		at(t, c, 3, time.Minute, thirdAt)
		if took := time.Since(died); took > 5*time.Second {
			t.Errorf("a dead server was left after %v", took)
		}
		rows := c.Controls().Servers()
		if len(rows) != 3 || !rows[2].Chosen || rows[0].Chosen || rows[2].Delay < 90 {
			t.Errorf("%+v", rows)
		}
	})
}

// TestFastestLossy: a server whose way loses packets of the tunnel is left.
func TestFastestLossy(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, servers, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
					_ = servers[secondAt].trySend(innerPacket("10.8.0.1", "10.8.0.2", "x"))
				}
			}
		}()
		time.Sleep(30 * time.Second)
		f.change(func(f *farther) { f.every[netip.MustParseAddrPort(secondAt)] = 10 })
		at(t, c, 2, time.Minute, firstAt)
	})
}

// TestFastestLetsNobodyIn: a server that answers first packets and nothing else is left out
// for a while.
func TestFastestLetsNobodyIn(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, _, c := threeServers(t, network, "hand-window 5", "connect-retry 1")
		lettingNobodyIn(network, secondAt)
		at(t, c, 1, time.Minute, firstAt)
		if rows := c.Controls().Servers(); len(rows) != 3 || rows[1].Chosen || rows[1].Why == "" {
			t.Errorf("%+v", rows)
		}
		_ = f
	})
}

// TestFastestIsSparse: servers that are not used get few packets, and the one in use no
// first packets at all.
func TestFastestIsSparse(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, _, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		f.change(func(f *farther) { clear(f.first) })
		time.Sleep(10 * time.Minute)
		f.change(func(f *farther) {
			for at, n := range f.first {
				if n > 21 {
					t.Errorf("%v got %d first packets in ten minutes", at, n)
				}
			}
			if n := f.first[netip.MustParseAddrPort(secondAt)]; n > 0 {
				t.Errorf("the server in use got %d first packets", n)
			}
		})
	})
}

// TestFastestAllDown: with all servers gone a client goes on trying, and finds the first
// that comes back.
func TestFastestAllDown(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, _, c := threeServers(t, network, "hand-window 5", "connect-retry 1 5", "keepalive 2 10")
		at(t, c, 1, time.Minute, secondAt)
		all := []string{firstAt, secondAt, thirdAt}
		f.change(func(f *farther) {
			for _, a := range all {
				f.dead[netip.MustParseAddrPort(a)] = true
			}
		})
		wait[event.Reconnecting](t, c, 3, 5*time.Minute)
		f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(thirdAt)] = false })
		at(t, c, 2, 5*time.Minute, thirdAt)
	})
}

// TestServerWeight: a server that pushes that it drains is left for another.
func TestServerWeight(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		_, servers, c := threeServers(t, network)
		servers[secondAt].push = append(servers[secondAt].push, "setenv-safe SERVER_WEIGHT draining")
		at(t, c, 1, time.Minute, secondAt)
		at(t, c, 2, 3*time.Minute, firstAt)
	})
}

// TestFastestOutage: when the network is gone for a while, and with it every server, nothing
// is moved.
func TestFastestOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, _, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		all := func(dead bool) {
			f.change(func(f *farther) {
				for a := range f.delay {
					f.dead[a] = dead
				}
			})
		}
		for range 20 {
			time.Sleep(10 * time.Second)
			all(true)
			time.Sleep(1500 * time.Millisecond)
			all(false)
		}
		time.Sleep(time.Minute)
		if n := len(reported[event.Up](c)) + len(reported[event.Moving](c)); n != 1 {
			t.Errorf("connected and moved %d times: %+v", n, reported[event.Moving](c))
		}
	})
}

// TestFastestGivesUp: connect-retry-max counts servers that were measured, too.
func TestFastestGivesUp(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		newFarther(network, map[string]time.Duration{firstAt: 10 * time.Millisecond})
		serve(t, network, firstAt)
		lettingNobodyIn(network, firstAt)
		c := connect(t, network, profileText("remote 192.0.2.1", "remote-select fastest", "hand-window 5", "connect-retry 1 2", "connect-retry-max 3", ada), nil)
		if ended := wait[event.Ended](t, c, 1, 10*time.Minute); !errors.Is(ended.Err, reach.ErrExhausted) {
			t.Error(ended.Err)
		}
	})
}

// TestFastestMuteOther: when the server in use dies, another one that answers first packets
// and lets nobody in is given up for the next in seconds.
func TestFastestMuteOther(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, servers, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		ping(t, c, servers, 100*time.Millisecond)
		time.Sleep(30 * time.Second)
		lettingNobodyIn(network, firstAt)
		died := time.Now()
		f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = true })
		at(t, c, 2, time.Minute, thirdAt)
		if took := time.Since(died); took > hastyTime+2*time.Second {
			t.Errorf("the third server is used after %v", took)
		}
	})
}

// TestByHand: a move that the user asked for is not given up for one of the client's own.
func TestByHand(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, _, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		time.Sleep(time.Minute)
		f.change(func(f *farther) { f.delay[netip.MustParseAddrPort(thirdAt)] = 900 * time.Millisecond })
		moved := c.Controls().Use(c.Controls().Remotes()[2], netip.AddrPort{}, "a test")
		time.Sleep(100 * time.Millisecond)
		f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = true })
		if err := result(t, moved); err != nil {
			t.Error(err)
		}
		at(t, c, 2, time.Minute, thirdAt)
	})
}
