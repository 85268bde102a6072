package client

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/simnet"
	"culvert/role/event"
)

// offloaded are three servers whose daemons do not see their data channel.
func offloaded(t *testing.T, network *simnet.Network) (f *farther, servers map[string]*far, c *near) {
	f, servers, c = threeServers(t, network)
	for _, s := range servers {
		s.offload.Store(true)
	}
	at(t, c, 1, time.Minute, secondAt)
	time.Sleep(5 * time.Second)
	if !c.Server().Data.Answers.PingsOnly() {
		t.Error("the server is not one that answers pings alone")
	}
	return f, servers, c
}

// TestOffloadIsLeft: a server that answers nothing but pings is left when it dies under traffic, and
// when it gets slow, as any other.
func TestOffloadIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		worse func(f *farther)
		limit time.Duration // without an answer
		idle  time.Duration // before
	}{
		"dead":                    {func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = true }, time.Second, time.Minute},
		"dead after an idle hour": {func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = true }, 1500 * time.Millisecond, time.Hour},
		"slow":                    {func(f *farther) { f.delay[netip.MustParseAddrPort(secondAt)] = 300 * time.Millisecond }, time.Second, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				f, servers, client := offloaded(t, network)
				time.Sleep(c.idle)
				p := ping(t, client, servers, 200*time.Millisecond)
				time.Sleep(10 * time.Second)
				began := time.Now()
				f.change(c.worse)
				at(t, client, 2, time.Minute, firstAt)
				time.Sleep(time.Second)
				if gap := p.gap(began); gap > c.limit {
					t.Errorf("no answer for %v", gap)
				}
				if lost := reported[event.Lost](client); len(lost) > 0 {
					t.Errorf("the connection was lost on the way: %v", lost)
				}
			})
		})
	}
}

// TestOffloadRests: a server that takes questions for use of the tunnel (`inactive`) gets none
// while there is no other use, and neither does one that answers nothing at all. One that answers messages
// gets no pings after that.
func TestOffloadRests(t *testing.T) {
	for name, offload := range map[string]bool{"pings": true, "messages": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				_, servers, c := threeServers(t, network)
				s := servers[secondAt]
				s.offload.Store(offload)
				at(t, c, 1, time.Minute, secondAt)
				time.Sleep(time.Minute)
				if c.Server().Data.Answers.PingsOnly() != offload {
					t.Errorf("the server answers pings alone: %v", !offload)
				}
				before := s.asked()
				time.Sleep(time.Hour)
				if n := s.asked() - before; n > 0 || before > 100 {
					t.Errorf("%d pings in an hour, %d before", n, before)
				}
				if n := len(reported[event.Up](c)); n != 1 {
					t.Errorf("connected %d times while nothing happened, %+v", n, reported[event.Moving](c)[:min(4, len(reported[event.Moving](c)))])
				}
			})
		})
	}
}

// TestOffloadRoams: a server that answers nothing but pings, and follows the client, is gone on with
// without a handshake.
func TestOffloadRoams(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		r := roam(t, network, nil)
		r.f.floats = true
		r.f.offload.Store(true)
		r.moves(t)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(r.f.seen()); n != 1 || r.mover.roaming.tick != nil {
			t.Errorf("%d handshakes: %s", n, r.kinds())
		}
		if p := r.f.now(); p == nil || p.Path().Remote.Addr() != r.addr {
			t.Error("the server does not know where the client is")
		}
	})
}
