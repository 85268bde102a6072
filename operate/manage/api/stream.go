package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// beatTime is how often a stream says that it is there where nothing happens.
const beatTime = 15 * time.Second

// Message is one of a stream.
type Message struct {
	ID    string // from where a reader may resume; "": as before
	Event string // its name; "": message
	Data  any    // as JSON
}

// Sender sends the messages of one answer. It is safe for concurrent use.
type Sender struct {
	mu    sync.Mutex
	w     http.ResponseWriter
	c     *http.ResponseController
	begun bool
	err   error // that ended it
}

// Stream adds an operation that answers with server-sent events until f returns, or the
// reader is gone, which ends ctx. Events has, for each name of a message, an example of
// its Data, for the document. What f returns before it began is answered as an error;
// after that it is sent as a message with the name error.
func Stream[In any](a *API, op Op, events map[string]any, f func(ctx context.Context, in *In, s *Sender) error) {
	op.Type = "text/event-stream"
	h := a.prepared(&op, asksWithBody[In]())
	h.Responses["200"] = &huma.Response{Description: "Server-sent events", Content: map[string]*huma.MediaType{op.Type: {Schema: a.eventsSchema(events)}}}
	huma.Register(a.huma, h, func(_ context.Context, in *In) (*raw, error) {
		return &raw{func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			s := &Sender{w: w, c: http.NewResponseController(w)}
			var beating sync.WaitGroup
			beating.Go(func() { s.beat(ctx, cancel) })
			err := f(ctx, in, s)
			cancel()
			beating.Wait()
			if err == nil || s.failed() != nil || r.Context().Err() != nil {
				return
			}
			if !s.hasBegun() {
				asError(err).Write(w)
				return
			}
			s.Send(Message{Event: "error", Data: asError(err)})
		}}, nil
	})
}

// Begin sends the head of the answer, so that the reader knows that it reads. Send does
// that, too.
func (s *Sender) Begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begin()
}

// begin is Begin with mu held.
func (s *Sender) begin() error {
	if s.begun || s.err != nil {
		return s.err
	}
	s.begun = true
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.w.Header().Set("X-Accel-Buffering", "no") // proxies would keep events back
	s.w.WriteHeader(http.StatusOK)
	return s.write(nil)
}

// Send sends a message. It fails when the reader is gone, or takes nothing for 15 seconds.
func (s *Sender) Send(m Message) error {
	data, err := json.Marshal(m.Data)
	if err != nil {
		return err
	}
	if strings.ContainsAny(m.ID+m.Event, "\r\n\x00") {
		return errors.New("an id or a name of an event with a line's end")
	}
	var b bytes.Buffer
	if m.ID != "" {
		fmt.Fprintf(&b, "id: %s\n", m.ID)
	}
	if m.Event != "" {
		fmt.Fprintf(&b, "event: %s\n", m.Event)
	}
	fmt.Fprintf(&b, "data: %s\n\n", data)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return err
	}
	return s.write(b.Bytes())
}

// Mark tells the reader that it resumes behind id from now on, where there is no message to say so.
// It begins the answer, as Send does.
func (s *Sender) Mark(id string) error {
	if strings.ContainsAny(id, "\r\n\x00") {
		return errors.New("an id with a line's end")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return err
	}
	return s.write(fmt.Appendf(nil, "id: %s\n\n", id))
}

// write writes, with mu held.
func (s *Sender) write(b []byte) error {
	if s.err == nil && len(b) > 0 {
		_, s.err = s.w.Write(b)
	}
	if s.err == nil {
		s.err = s.c.Flush()
	}
	return s.err
}

// beat sends comments until ctx ends, which keep proxies from ending the answer and show
// that the reader is gone. Then it calls gone.
func (s *Sender) beat(ctx context.Context, gone func()) {
	ticker := time.NewTicker(beatTime)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		var err error
		if s.begun {
			err = s.write([]byte(":\n\n"))
		}
		s.mu.Unlock()
		if err != nil {
			gone()
			return
		}
	}
}

func (s *Sender) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Sender) hasBegun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}
