// Package traces tells a collector of OpenTelemetry of each handshake, as a trace: a span
// of the whole, and one of each stage. It reads events as any other reader does, so that a
// collector that is slow or dead holds nobody up: what does not fit is lost and counted.
package traces

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"culvert/operate/backend"
)

// How much is kept, and for how long.
const (
	Room     = 4096 // events that may wait for a Tracer
	waiting  = 4096 // handshakes that wait to be sent
	batch    = 256  // handshakes that are sent together
	gather   = 5 * time.Second
	sendTime = 10 * time.Second
	// recent is how many refusals are remembered, so that the end of that session is not
	// taken for another handshake.
	recent = 4096
)

// Reader reads events: backend.Reader.
type Reader interface {
	Next(ctx context.Context) (backend.Event, bool)
}

// Options are what New works with.
type Options struct {
	URL  string // of the collector
	Role string // of this process, for people: server, client or pair
	Log  *slog.Logger
	// HTTP asks the collector; nil: a client of its own.
	HTTP *http.Client
}

// Tracer sends traces. Make it with New; nil sends nothing.
type Tracer struct {
	o       Options
	queue   chan []span
	working sync.WaitGroup
	end     context.CancelFunc

	mu    sync.Mutex
	stats Stats
}

// Stats is how traces fare.
type Stats struct {
	Sent    uint64 // handshakes that the collector took
	Lost    uint64 // handshakes that it did not, and events that were missed
	Trouble string // why it takes none now; "" if it does
}

// New returns what has sent nothing yet.
func New(o Options) *Tracer {
	if o.HTTP == nil {
		o.HTTP = &http.Client{
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &Tracer{o: o, queue: make(chan []span, waiting)}
}

// Follow sends the handshakes that a reader tells of, until the reader has no more or Close
// is called. It is called once.
func (t *Tracer) Follow(r Reader) {
	ctx, end := context.WithCancel(context.Background())
	t.end = end
	t.working.Go(func() {
		defer close(t.queue)
		t.read(ctx, r)
	})
	t.working.Go(func() { t.send(ctx) })
}

// Close ends what Follow began. What waits is lost. It may be called for a nil Tracer.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	if t.end != nil {
		t.end()
	}
	t.working.Wait()
	t.o.HTTP.CloseIdleConnections()
}

// Stats is how it fares now.
func (t *Tracer) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// read queues the handshakes of events.
func (t *Tracer) read(ctx context.Context, r Reader) {
	refused := make(map[uint64]time.Time)
	for {
		e, more := r.Next(ctx)
		switch {
		case !more:
			return
		case e.Kind == backend.Missed:
			t.lost(e.Count, "events came faster than they are read")
		case e.Handshake == nil || e.Handshake.Outcome == "" || again(refused, e):
		default:
			select {
			case t.queue <- spansOf(e, identifiers):
			default:
				t.lost(1, "more handshakes than the collector takes")
			}
		}
	}
}

// again reports whether the handshake of an event was told of before: that of a client which
// was refused, and then left.
func again(refused map[uint64]time.Time, e backend.Event) bool {
	if e.Number == nil {
		return false
	}
	switch e.Kind {
	case backend.Refused:
		if len(refused) >= recent {
			clear(refused)
		}
		refused[*e.Number] = e.Handshake.Began
	case backend.Left:
		began, known := refused[*e.Number]
		delete(refused, *e.Number)
		return known && began.Equal(e.Handshake.Began)
	}
	return false
}

// identifiers are new ones of a trace and of a span.
func identifiers() (trace, span string) {
	var b [24]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:16]), hex.EncodeToString(b[16:])
}

// send sends what is queued, some of it together.
func (t *Tracer) send(ctx context.Context) {
	for {
		first, more := <-t.queue
		if !more {
			return
		}
		n, spans := t.gather(ctx, first)
		if ctx.Err() != nil {
			return
		}
		refused, err := t.post(ctx, spans)
		switch {
		case err == nil:
			t.sent(uint64(n), refused)
		case ctx.Err() == nil:
			t.lost(uint64(n), err.Error())
		}
	}
}

// gather waits for what belongs into one message with the first.
func (t *Tracer) gather(ctx context.Context, first []span) (n int, spans []span) {
	n, spans = 1, first
	timer := time.NewTimer(gather)
	defer timer.Stop()
	for n < batch {
		select {
		case next, more := <-t.queue:
			if !more {
				return n, spans
			}
			n, spans = n+1, append(spans, next...)
		case <-timer.C:
			return n, spans
		case <-ctx.Done():
			return n, spans
		}
	}
	return n, spans
}

// lost counts what the collector did not get. The log has it when that begins.
func (t *Tracer) lost(n uint64, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stats.Trouble == "" {
		t.o.Log.Warn("traces of handshakes are lost; connections go on as before", "collector", t.o.URL, "error", why)
	}
	t.stats.Lost, t.stats.Trouble = t.stats.Lost+n, why
}

// sent counts what the collector has got, of which it may have refused some spans.
func (t *Tracer) sent(n uint64, refused string) {
	if refused != "" {
		t.lost(n, refused)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stats.Trouble != "" {
		t.o.Log.Info("the collector takes traces of handshakes again", "collector", t.o.URL, "lost", t.stats.Lost)
	}
	t.stats.Sent, t.stats.Trouble = t.stats.Sent+n, ""
}
