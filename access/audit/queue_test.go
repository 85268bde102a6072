package audit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

// full is a sink that has no room until room is set.
type full struct {
	sink
	room bool
}

func (f *full) Append(line []byte) error {
	if !f.room {
		return errors.New("no space left on device")
	}
	return f.sink.Append(line)
}

// TestQueue writes what waits when it ends, and says what could not be written, once a
// minute.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		f := &full{}
		q := NewQueue(f, slog.New(slog.NewTextHandler(&text, nil)))
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			q.Run(ctx)
		}()
		for range 10 {
			q.Add(Entry{What: Refused, Client: "anna"})
			synctest.Wait()
		}
		if n := strings.Count(text.String(), "no space left"); n != 1 {
			t.Errorf("said %d times:\n%s", n, text.String())
		}
		f.room = true
		q.Add(Entry{What: LetIn, Client: "ben"})
		end()
		<-done
		if got := f.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "ben") {
			t.Errorf("written: %q", got)
		}
	})
}

// TestQueueOverflow makes nobody wait for a disk that stands still.
func TestQueueOverflow(t *testing.T) {
	q := NewQueue(&full{}, slog.New(slog.DiscardHandler))
	for range waiting + 10 {
		q.Add(Entry{What: LetIn})
	}
	if lost := q.lost.Load(); lost != 10 {
		t.Errorf("%d lines are lost, want 10", lost)
	}
}

// TestQueueLeavesRoom: however many are refused, who is let in is recorded.
func TestQueueLeavesRoom(t *testing.T) {
	f := &full{room: true}
	q := NewQueue(f, slog.New(slog.DiscardHandler))
	for range 2 * waiting {
		q.Add(Entry{What: Refused, Client: "eve"})
	}
	q.Add(Entry{What: LetIn, Client: "anna"})
	ctx, end := context.WithCancel(t.Context())
	end()
	q.Run(ctx)
	if got := f.String(); !strings.Contains(got, "anna") || strings.Count(got, "eve") != waiting/2 {
		t.Errorf("%d refusals and %d others are recorded", strings.Count(got, "eve"), strings.Count(got, "anna"))
	}
}
