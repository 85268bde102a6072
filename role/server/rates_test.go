package server_test

import (
	"sync/atomic"
	"testing"
	"time"

	"culvert/access"
	"culvert/access/limits"
	"culvert/internal/simnet"
	"culvert/nic/nictest"
	"culvert/role/server"
)

// TestRates: a client gets and sends what its terms say and no more, others are not held
// up, and another rate counts at once.
func TestRates(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		var rate atomic.Uint64
		rate.Store(800e3) // 100,000 bytes a second
		s := w.serveOptions(ours().serverConf(""), func(o *server.Options) {
			o.People.Terms = func(a *access.Applicant) server.Terms {
				if a.Name != "anna" {
					return server.Terms{}
				}
				return server.Terms{Up: limits.Rate(rate.Load()), Down: limits.Rate(rate.Load())}
			}
		})
		a, b := w.connect("anna", ""), w.connect("ben", "")
		// passed are the bytes of many packets, 200,000 a second for 10 seconds, that get
		// through: to the client and from it.
		passed := func(c *connected) (down, up int) {
			packet := make([]byte, 950)
			for range 2000 {
				s.nic.Inject(ipv4(outside, c.inner(), string(packet)))
				c.nic.Inject(ipv4(c.inner(), outside, string(packet)))
				time.Sleep(5 * time.Millisecond)
				down, up = down+bytesOf(c.nic), up+bytesOf(s.nic)
			}
			return down, up
		}
		check := func(c *connected, least, most int) {
			t.Helper()
			down, up := passed(c)
			if down < least || down > most || up < least || up > most {
				t.Errorf("%s: %d bytes down and %d up in 10 seconds, want %d to %d", c.name, down, up, least, most)
			}
		}
		check(a, 990e3, 1100e3)
		check(b, 1900e3, 2100e3)
		rate.Store(400e3)
		s.Review()
		check(a, 490e3, 600e3)
	})
}

// bytesOf returns how many bytes a pipe received since it was asked.
func bytesOf(p *nictest.Pipe) (n int) {
	for _, packet := range p.Drain() {
		n += len(packet)
	}
	return n
}
