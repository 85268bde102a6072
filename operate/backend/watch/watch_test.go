package watch

import (
	"context"
	"testing"
	"testing/synctest"

	"culvert/internal/buf"
	"culvert/tunnel"
)

// even follows every second packet to a stop.
type even struct {
	until tunnel.Stop
	seen  []tunnel.Stop
}

func (e *even) Begin(number uint64, _ *tunnel.Sight) Follower {
	if number%2 != 0 {
		return nil
	}
	return e
}

func (e *even) See(s *tunnel.Sight) bool {
	e.seen = append(e.seen, s.Stop)
	return s.Stop != e.until
}

func TestEyes(t *testing.T) {
	var road tunnel.Watched
	eyes := New(&road)
	short, long := &even{until: tunnel.AtQueue}, &even{until: tunnel.AtEnd}
	removeShort, removeLong := eyes.Add(short), eyes.Add(long)
	p := buf.New(100)
	for _, stop := range []tunnel.Stop{tunnel.AtAdapter, tunnel.AtAdapter, tunnel.AtQueue, tunnel.AtRoute, tunnel.AtEnd} {
		(*road.Load()).See(&tunnel.Sight{Stop: stop, Packet: p})
	}
	if len(short.seen) != 2 || len(long.seen) != 4 || p.Note != nil {
		t.Errorf("saw %v and %v, note %v", short.seen, long.seen, p.Note)
	}
	removeShort()
	if road.Load() == nil {
		t.Error("the road is not watched, though somebody watches")
	}
	removeLong()
	if road.Load() != nil {
		t.Error("the road is watched, though nobody does")
	}
}

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue[int]
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan []int)
		go func() {
			for {
				items := q.Next(ctx)
				got <- items
				if items == nil {
					return
				}
			}
		}()
		synctest.Wait()
		q.Push(1, 10)
		if items := <-got; len(items) != 1 {
			t.Errorf("got %v", items)
		}
		synctest.Wait()
		cancel()
		if items := <-got; items != nil {
			t.Errorf("got %v at the end", items)
		}
	})
}

// TestSlowReader: what there is no room for is counted, and the rest is there.
func TestSlowReader(t *testing.T) {
	var q Queue[int]
	for i := range 10 {
		q.Push(i, maxBytes/4)
	}
	if items := q.Next(t.Context()); len(items) != 4 || q.Lost() != 6 {
		t.Errorf("%v, %d lost", items, q.Lost())
	}
	q.Push(10, maxBytes+1)
	q.Push(11, 1)
	if items := q.Next(t.Context()); len(items) != 1 || items[0] != 11 || q.Lost() != 7 {
		t.Errorf("%v, %d lost", items, q.Lost())
	}
}
