package client

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/role/event"
)

// pings are packets that a client sends and servers answer.
type pings struct {
	mu      sync.Mutex
	answers []time.Time
}

// ping has a client send a packet so often, until the test ends, and servers answer.
func ping(t *testing.T, c *near, servers map[string]*far, every time.Duration) *pings {
	for _, s := range servers {
		s.echo = innerPacket("10.8.0.1", "10.8.0.2", "x")
	}
	p := &pings{}
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for tick := time.NewTicker(every); ; {
			select {
			case <-tick.C:
				c.nic.Inject(innerPacket("10.8.0.2", "10.8.0.1", "x"))
			case <-stop:
				tick.Stop()
				return
			}
		}
	})
	all.Go(func() {
		for {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-stop:
				return
			}
			if n := len(c.nic.Drain()); n > 0 {
				p.mu.Lock()
				p.answers = append(p.answers, time.Now())
				p.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		all.Wait()
	})
	return p
}

// gap is the longest time without an answer that began since a time.
func (p *pings) gap(since time.Time) (longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := 1; i < len(p.answers); i++ {
		if p.answers[i].After(since) {
			longest = max(longest, p.answers[i].Sub(p.answers[i-1]))
		}
	}
	return longest
}

// TestDeadIsLeft: a server that dies while packets pass is left in less than a second,
// whenever that happens; a client that is idle notices in three.
func TestDeadIsLeft(t *testing.T) {
	for _, dead := range [][]string{{secondAt}, {secondAt, firstAt}} {
		for phase := range 4 {
			t.Run(fmt.Sprint(dead, phase), func(t *testing.T) {
				inWorld(t, func(t *testing.T, network *simnet.Network) {
					f, servers, c := threeServers(t, network)
					at(t, c, 1, time.Minute, secondAt)
					p := ping(t, c, servers, 200*time.Millisecond)
					time.Sleep(time.Minute + time.Duration(phase)*47*time.Millisecond)
					died := time.Now()
					f.change(func(f *farther) {
						for _, a := range dead {
							f.dead[netip.MustParseAddrPort(a)] = true
						}
					})
					at(t, c, 2, 10*time.Second, []string{firstAt, thirdAt}[len(dead)-1])
					time.Sleep(time.Second)
					limit := time.Second
					if len(dead) > 1 { // the handshake alone takes four times 90 ms
						limit += 300 * time.Millisecond
					}
					if gap := p.gap(died); gap > limit {
						t.Errorf("no answer for %v", gap)
					} else {
						t.Log(gap)
					}
				})
			})
		}
	}
	t.Run("idle", func(t *testing.T) {
		inWorld(t, func(t *testing.T, network *simnet.Network) {
			f, _, c := threeServers(t, network)
			at(t, c, 1, time.Minute, secondAt)
			time.Sleep(time.Minute)
			died := time.Now()
			f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = true })
			at(t, c, 2, 10*time.Second, firstAt)
			if took := time.Since(died); took > 3*time.Second {
				t.Errorf("left after %v", took)
			}
		})
	})
}

// TestRefusedByTheSystem: where the system says that the server refuses packets, it is left sooner; where
// that is not so, nothing is moved.
func TestRefusedByTheSystem(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, _, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		time.Sleep(time.Minute + 700*time.Millisecond)
		for range 100 {
			c.best.hear(syscall.ECONNREFUSED)
			time.Sleep(100 * time.Millisecond)
		}
		died := time.Now()
		f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = true })
		time.Sleep(20 * time.Millisecond)
		c.best.hear(syscall.ECONNREFUSED)
		at(t, c, 2, 10*time.Second, firstAt)
		if took := time.Since(died); took > time.Second {
			t.Errorf("left after %v", took)
		} else {
			t.Log(took)
		}
	})
}

// TestOutagesUnderTraffic: outages of the whole network, of any length, move nothing.
func TestOutagesUnderTraffic(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, servers, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		ping(t, c, servers, 50*time.Millisecond)
		random := rand.New(rand.NewPCG(4, 2))
		for range 150 {
			time.Sleep(time.Second + time.Duration(random.IntN(7000))*time.Millisecond)
			for _, dead := range []bool{true, false} {
				f.change(func(f *farther) {
					for a := range f.delay {
						f.dead[a] = dead
					}
				})
				if dead {
					time.Sleep(time.Duration(50+random.IntN(3000)) * time.Millisecond)
				}
			}
		}
		time.Sleep(time.Minute)
		if n := len(reported[event.Up](c)) + len(reported[event.Moving](c)); n != 1 {
			t.Errorf("connected and moved %d times: %+v", n, reported[event.Moving](c))
		}
	})
}

// TestNoiseUnderTraffic: ten minutes of noise move nobody between like servers.
func TestNoiseUnderTraffic(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, servers, c := threeServers(t, network)
		random := rand.New(rand.NewPCG(5, 2))
		f.change(func(f *farther) {
			for a := range f.delay {
				f.delay[a] = 30 * time.Millisecond
			}
		})
		network.Change(func(o *simnet.Options) {
			quiet, pass := o.Farther, o.Filter
			var mu sync.Mutex
			draw := func() float64 {
				mu.Lock()
				defer mu.Unlock()
				return random.ExpFloat64()
			}
			o.Farther = func(from, to netip.AddrPort) time.Duration {
				return quiet(from, to) + time.Duration(draw()*float64(8*time.Millisecond))
			}
			o.Filter = func(from, to netip.AddrPort, b []byte) bool { return pass(from, to, b) && draw() > 0.002 }
		})
		wait[event.Up](t, c, 1, time.Minute)
		ping(t, c, servers, 50*time.Millisecond)
		time.Sleep(10 * time.Minute)
		if moves := reported[event.Moving](c); len(moves) > 1 {
			t.Errorf("%d moves: %+v", len(moves), moves)
		}
	})
}

// TestStallingServer: a server that stands still for a moment now and then, as stock ones do
// for logins of others, is left for that at first, and not for ever.
func TestStallingServer(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, servers, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		ping(t, c, servers, 200*time.Millisecond)
		for range 20 {
			time.Sleep(2 * time.Minute)
			f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = true })
			time.Sleep(700 * time.Millisecond)
			f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = false })
		}
		if moves := reported[event.Moving](c); len(moves) < 1 || len(moves) > 6 { // there and back, until it is given more time than that
			t.Errorf("%d moves: %+v", len(moves), moves)
		}
	})
}

// TestOneWay: packets that nobody answers cost few questions, and move nothing.
func TestOneWay(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, servers, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		p := ping(t, c, servers, 100*time.Millisecond)
		servers[secondAt].echo = nil
		f.change(func(f *farther) { clear(f.first); clear(f.count) })
		time.Sleep(10 * time.Minute)
		if len(p.answers) > 0 {
			t.Error("they are answered")
		}
		f.change(func(f *farther) {
			if n := f.count[netip.MustParseAddrPort(secondAt)]; n > 10*60 {
				t.Errorf("%d packets of the server in ten minutes", n)
			}
			for at, n := range f.first {
				if n > 10*6 { // when they are asked is by chance: 53 were seen
					t.Errorf("%v got %d first packets in ten minutes", at, n)
				}
			}
		})
		if n := len(reported[event.Up](c)); n != 1 {
			t.Errorf("connected %d times", n)
		}
	})
}

// TestSlowUnderTraffic: a server whose way gets far longer than an answer is waited for is
// slow, and not dead, while packets pass.
func TestSlowUnderTraffic(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, servers, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		ping(t, c, servers, 50*time.Millisecond)
		time.Sleep(time.Minute)
		f.change(func(f *farther) { f.delay[netip.MustParseAddrPort(secondAt)] = 300 * time.Millisecond })
		at(t, c, 2, 40*time.Second, firstAt)
		if row := c.Controls().Servers()[1]; row.Delay < 250 || row.Loss > 0 {
			t.Errorf("%+v", row)
		}
	})
}
