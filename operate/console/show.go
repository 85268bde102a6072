package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"culvert/operate/backend"
)

// Waiting is how many events may wait for a terminal that is slow.
const waiting = 256

// lastWords is how long the end waits for what is still to be written.
const lastWords = time.Second

// redraw is how often the live line follows the traffic.
const redraw = time.Second

// Show shows a tunnel with one peer on a screen, until the function that it returns is
// called. browse, which may be nil, is given the pages that users log in at.
func Show(ctx context.Context, s *Screen, b backend.Backend, browse func(url string)) (stop func()) {
	return read(ctx, b, func(ctx context.Context, events <-chan backend.Event) {
		var v view
		tick := time.NewTicker(redraw)
		defer tick.Stop()
		defer s.Live()
		for {
			select {
			case e, more := <-events:
				if !more {
					return
				}
				if line := v.event(e); line != "" {
					fmt.Fprintln(s, line)
				}
				if e.Kind == backend.Login && e.URL != "" && browse != nil {
					browse(e.URL)
				}
			case <-tick.C:
			}
			in, out := b.Bytes()
			s.Live(v.live(time.Now(), in, out)...)
		}
	})
}

// JSON writes each event as a line of JSON, until the function that it returns is
// called.
func JSON(ctx context.Context, w io.Writer, b backend.Backend) (stop func()) {
	out := json.NewEncoder(w)
	return read(ctx, b, func(_ context.Context, events <-chan backend.Event) {
		for e := range events {
			_ = out.Encode(e) // of a reader that is gone, the process hears by SIGPIPE or never
		}
	})
}

// read has f read the events of a back end. stop has it read what has happened until
// then, and waits for its end.
func read(ctx context.Context, b backend.Backend, f func(context.Context, <-chan backend.Event)) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	reader := b.Events(waiting)
	events, done := make(chan backend.Event), make(chan struct{})
	go func() {
		defer close(events)
		for {
			e, more := reader.Next(ctx)
			if !more {
				return
			}
			events <- e
		}
	}()
	go func() {
		defer close(done)
		f(ctx, events)
	}()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(lastWords): // nobody reads: a pipe that is full, a terminal that was stopped
		}
		reader.Close()
	}
}
