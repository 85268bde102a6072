package backend

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// rest are the events that a reader has to read, in short.
func rest(t *testing.T, r *Reader) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	time.AfterFunc(time.Second, cancel)
	var all []string
	for {
		e, more := r.Next(ctx)
		if !more {
			return strings.Join(all, " ")
		}
		all = append(all, string(e.Kind)+e.Name)
		if e.Kind == Missed {
			all[len(all)-1] += fmt.Sprint(e.Count)
		}
	}
}

func up(n int) Event { return Event{Kind: Up, Name: fmt.Sprint(n)} }

// TestReaders: each reads every event from when it began, in order.
func TestReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Feed
		a := f.Add(8)
		f.Publish(up(1))
		b := f.Add(8)
		f.Publish(up(2))
		got := make(chan string)
		go func() { got <- rest(t, f.Add(8)) }()
		synctest.Wait()
		f.Publish(up(3)) // to one that waits
		f.Close()
		f.Publish(up(4))
		for _, c := range []struct{ got, want string }{{rest(t, a), "up1 up2 up3"}, {rest(t, b), "up2 up3"}, {<-got, "up3"}, {rest(t, f.Add(8)), ""}} {
			if c.got != c.want {
				t.Errorf("read %q, want %q", c.got, c.want)
			}
		}
		a.Close()
		a.Close()
	})
}

// TestSlowReader: it holds nobody up, and learns how many events it lacks and where.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Feed
		slow, closed, other := f.Add(3), f.Add(1), f.Add(100)
		closed.Close()
		for n := range 10 {
			f.Publish(up(n))
		}
		if e, _ := slow.Next(t.Context()); e.Name != "0" {
			t.Errorf("first %+v", e)
		}
		f.Publish(up(10))
		f.Publish(up(11))
		f.Publish(up(12))
		if got, want := rest(t, slow), "up1 up2 missed7 up10 missed2"; got != want {
			t.Errorf("read %q, want %q", got, want)
		}
		f.Publish(up(13))
		if got, want := rest(t, slow), "up13"; got != want {
			t.Errorf("read %q, want %q", got, want)
		}
		for n := range 5 {
			f.Publish(up(n))
		}
		f.Close()
		if got, want := rest(t, slow), "up0 up1 up2 missed2"; got != want {
			t.Errorf("before the end: %q, want %q", got, want)
		}
		if got := strings.Count(rest(t, other), "up"); got != 19 {
			t.Errorf("the other reader has %d", got)
		}
	})
}

// TestNextEnds: a reader that waits goes when its context ends.
func TestNextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Feed
		r := f.Add(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if e, more := r.Next(ctx); more {
			t.Errorf("%+v", e)
		}
	})
}
