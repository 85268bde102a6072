package recent

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
)

// in runs a test with what is kept of a back end.
func in(t *testing.T, role string, f func(t *testing.T, b *backendtest.Fake, r *Recent)) {
	synctest.Test(t, func(t *testing.T) {
		b := backendtest.New()
		b.State.Role = role
		r := Keep(b)
		f(t, b, r)
		r.Close()
	})
}

func numbered(n uint64) *uint64 { return &n }

// TestEvents: readers get all events in order; one that comes late hears how many it missed.
func TestEvents(t *testing.T) {
	in(t, "server", func(t *testing.T, b *backendtest.Fake, r *Recent) {
		for i := range events + 10 {
			b.Happen(backend.Event{Kind: backend.Remark, Count: uint64(i + 1)})
			synctest.Wait()
		}
		list, missed, more := r.After(t.Context(), 0)
		if missed != 10 || len(list) != page || list[0].Sequence != 11 || list[0].Count != 11 || !more {
			t.Errorf("missed %d, then %d from %+v", missed, len(list), list[0])
		}
		for at := list[len(list)-1].Sequence; at < r.Last(); {
			list, missed, _ = r.After(t.Context(), at)
			if missed != 0 || list[0].Sequence != at+1 || list[0].Count != at+1 {
				t.Fatalf("after %d: missed %d, %+v", at, missed, list[0])
			}
			at = list[len(list)-1].Sequence
		}
		ctx, end := context.WithCancel(t.Context())
		end()
		if _, _, more := r.After(ctx, r.Last()); more {
			t.Error("there is more for a reader that has ended")
		}
		b.End()
		synctest.Wait()
		if _, _, more := r.After(t.Context(), r.Last()); more {
			t.Error("there is more after the end")
		}
	})
}

// TestThousandReaders: each gets each event, and one that does not come holds up nobody.
func TestThousandReaders(t *testing.T) {
	in(t, "server", func(t *testing.T, b *backendtest.Fake, r *Recent) {
		ctx, end := context.WithCancel(t.Context())
		defer end()
		var got atomic.Int64
		for range 1000 {
			go func() {
				for at := uint64(0); ; {
					list, _, more := r.After(ctx, at)
					if !more {
						return
					}
					got.Add(int64(len(list)))
					at = list[len(list)-1].Sequence
				}
			}()
		}
		for range 50 {
			b.Happen(backend.Event{Kind: backend.Remark})
		}
		synctest.Wait()
		if got.Load() != 50*1000 {
			t.Errorf("%d events were read", got.Load())
		}
	})
}

// TestLives: of each session of a server its first events and its latest, until it is gone.
func TestLives(t *testing.T) {
	in(t, "server", func(t *testing.T, b *backendtest.Fake, r *Recent) {
		b.Happen(backend.Event{Kind: backend.Entering, Number: numbered(7), Name: "anna"})
		b.Happen(backend.Event{Kind: backend.Up, Number: numbered(7)})
		b.Happen(backend.Event{Kind: backend.Remark, Reason: "nobody's"})
		for i := range 200 {
			b.Happen(backend.Event{Kind: backend.Moved, Number: numbered(7), Reason: fmt.Sprint(i)})
		}
		synctest.Wait()
		list, omitted, known := r.Life(7)
		if !known || len(list) != first+latest || omitted != 202-first-latest || list[0].Kind != backend.Entering || list[len(list)-1].Reason != "199" {
			t.Errorf("%d events, %d omitted, %v", len(list), omitted, known)
		}
		time.Sleep(2500 * time.Millisecond)
		if got := r.Rates().Sessions; len(got) != 2 || got[1] != 1 {
			t.Errorf("sessions %v", got)
		}
		b.Happen(backend.Event{Kind: backend.Left, Number: numbered(7)})
		synctest.Wait()
		if _, _, known := r.Life(7); known {
			t.Error("one that left lives on")
		}
		// Events that were missed: the peers count.
		b.Change(func(s *backend.Status) {
			s.Peers = []backend.Peer{{Number: 8}, {Number: 9}, {Number: 10, Connecting: true}}
		})
		b.Happen(backend.Event{Kind: backend.Missed, Count: 3})
		time.Sleep(time.Second)
		if got := r.Rates().Sessions; got[len(got)-1] != 2 {
			t.Errorf("sessions %v", got)
		}
	})
}

// TestLifeOfAClient: its life begins anew with its next connection.
func TestLifeOfAClient(t *testing.T) {
	in(t, "client", func(t *testing.T, b *backendtest.Fake, r *Recent) {
		for _, kind := range []backend.Kind{backend.Connecting, backend.Secured, backend.Up, backend.Left, backend.Reconnecting} {
			b.Happen(backend.Event{Kind: kind})
		}
		synctest.Wait()
		if list, _, _ := r.Life(0); len(list) != 5 {
			t.Errorf("%v", list)
		}
		b.Happen(backend.Event{Kind: backend.Resolving})
		b.Happen(backend.Event{Kind: backend.Connecting})
		synctest.Wait()
		if list, _, _ := r.Life(0); len(list) != 2 || list[0].Kind != backend.Resolving {
			t.Errorf("%v", list)
		}
	})
}

// TestRates: a value a second, as many as are kept, and none below zero.
func TestRates(t *testing.T) {
	var r rates
	r.begin(100, 10)
	at := time.Unix(1000, 0)
	for i := range uint64(seconds + 5) {
		r.add(at.Add(time.Duration(i)*time.Second), 100+3*(i+1), 10, int(i))
	}
	r.add(at.Add(time.Hour), 5, 20, 1)
	l := r.list()
	if n := len(l.BytesIn); n != seconds || l.BytesIn[0] != 3 || l.BytesIn[n-1] != 0 || l.BytesOut[n-1] != 10 || l.Sessions[n-2] != seconds+4 || !l.Until.Equal(at.Add(time.Hour)) {
		t.Errorf("%d: %v, %v", n, l.BytesIn[n-3:], l.BytesOut[n-3:])
	}
	if l := new(rates).list(); len(l.BytesIn) != 0 {
		t.Errorf("%+v", l)
	}
}
