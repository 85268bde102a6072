package tunnel

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPingsCount: what one end sends on the data channel is what the other one receives, pings
// included.
func TestPingsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		near.peer.Do(func(time.Time) { near.peer.Session.Ping(false) })
		time.Sleep(time.Second)
		synctest.Wait()
		out, in := near.peer.Counters.LinkOut.Load(), far.peer.Counters.LinkIn.Load()
		if out == 0 || out != in {
			t.Errorf("%d bytes were sent, and %d received", out, in)
		}
	})
}

// TestTraffic: each connection counts once, whether it is over or not.
func TestTraffic(t *testing.T) {
	peer := func(in, out uint64) *Peer {
		p := new(Peer)
		p.Counters.InBytes.Store(in)
		p.Counters.OutBytes.Store(out)
		p.Counters.LinkIn.Store(in + 10)
		p.Counters.LinkOut.Store(out + 10)
		return p
	}
	var total Traffic
	first, second := peer(1, 2), peer(100, 200)
	want := func(what string, got Statistics, in, out, n uint64) {
		if (got != Statistics{AdapterRead: out, AdapterWritten: in, LinkRead: in + 10*n, LinkWritten: out + 10*n}) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	want("nothing", total.With(nil), 0, 0, 0)
	want("one at work", total.With(first), 1, 2, 1)
	total.Ended(first)
	want("the one that is over", total.With(first), 1, 2, 1)
	want("none at work", total.With(nil), 1, 2, 1)
	want("another at work", total.With(second), 101, 202, 2)
}
