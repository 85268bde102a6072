package swarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Pattern is a kind of traffic.
type Pattern string

// The patterns. Keepalive runs in all of them.
const (
	Idle   Pattern = "idle"   // nothing
	Ping   Pattern = "ping"   // each client sends one echo request a second
	Stream Pattern = "stream" // the clients in turn send as fast as answers come back
)

// Patterns are all of them.
var Patterns = []Pattern{Idle, Ping, Stream}

// ParsePatterns parses patterns that are separated by commas.
func ParsePatterns(text string) (list []Pattern, err error) {
	for word := range strings.SplitSeq(text, ",") {
		p := Pattern(word)
		if !slices.Contains(Patterns, p) {
			return nil, fmt.Errorf("traffic %q: expected any of %v, separated by commas", word, Patterns)
		}
		list = append(list, p)
	}
	return list, nil
}

const (
	pingInterval = time.Second
	pingSize     = 64
	// answerTime is when a lane of the stream counts what it sent as lost.
	// graceTime is how long a phase waits for late answers at its end.
	answerTime = 250 * time.Millisecond
	graceTime  = time.Second
	maxWindow  = 1 << 16
	// burstsEach is how many bursts of one client may be in flight, so that its
	// socket can hold the answers.
	burstsEach = 4
)

// phase is a pattern at work, and what it counted.
type phase struct {
	pattern           Pattern
	sent, back, bytes atomic.Uint64 // packets sent; packets that came back, and their bytes
	handshakes        atomic.Uint64
	roundTrip         Histogram
	lanes             []lane
}

// lane is a part of the stream's window: one burst in flight.
type lane struct {
	turn    atomic.Uint32 // Turn of its first packet
	missing atomic.Int32
	done    chan struct{}
}

var errMute = errors.New("the target answered no echo request")

// run runs one pattern.
func (s *swarm) run(ctx context.Context, pattern Pattern) {
	p := &phase{pattern: pattern, lanes: make([]lane, min(s.Window/burst, burstsEach*s.Clients))}
	s.phase.Store(p)
	s.sayf("traffic: %s", pattern)
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, s.For)
	switch pattern {
	case Ping:
		s.ping(limited, p)
	case Stream:
		s.stream(limited, p)
	default:
		<-limited.Done()
	}
	cancel()
	r := p.result(time.Since(began))
	s.awaitLate(ctx, p)
	r.Sent, r.Answered = p.sent.Load(), p.back.Load()
	r.Lost = r.Sent - min(r.Answered, r.Sent)
	r.Up = s.up()
	if r.Sent > 0 && r.Answered == 0 && ctx.Err() == nil {
		s.fail(fmt.Errorf("%w of %d; choose another with --target", errMute, r.Sent))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Phases = append(s.report.Phases, r)
}

// result returns what depends on the time it took, before late answers come.
func (p *phase) result(took time.Duration) Phase {
	return Phase{
		Pattern: p.pattern, Seconds: took.Seconds(),
		BitsPerSecond: 8 * float64(p.bytes.Load()) / took.Seconds(),
		Handshakes:    p.handshakes.Load(), RoundTrip: &p.roundTrip,
	}
}

func (s *swarm) awaitLate(ctx context.Context, p *phase) {
	for end := time.Now().Add(graceTime); p.back.Load() < p.sent.Load() && time.Now().Before(end) && ctx.Err() == nil; {
		time.Sleep(graceTime / 100)
	}
}

// ping makes each client send one request a second, evenly spread.
func (s *swarm) ping(ctx context.Context, p *phase) {
	began := time.Now()
	for i := 0; ; i++ {
		due := began.Add(time.Duration(i) * pingInterval / time.Duration(len(s.members)))
		if !sleepUntil(ctx, due) {
			return
		}
		n := s.members[i%len(s.members)].nic.Load()
		if n != nil && n.send(order{count: 1, size: pingSize}) {
			p.sent.Add(1)
		}
	}
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	if wait := time.Until(t); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// stream keeps the window full. The clients take turns, with a burst each.
func (s *swarm) stream(ctx context.Context, p *phase) {
	var next atomic.Uint64
	var lanes sync.WaitGroup
	for i := range p.lanes {
		p.lanes[i].done = make(chan struct{}, 1)
		lanes.Go(func() {
			for ctx.Err() == nil {
				s.turn(ctx, p, i, s.members[next.Add(1)%uint64(len(s.members))])
			}
		})
	}
	lanes.Wait()
}

// turn makes a client send a burst, and waits for the answers.
func (s *swarm) turn(ctx context.Context, p *phase, number int, m *member) {
	n := m.nic.Load()
	if n == nil {
		sleepUntil(ctx, time.Now().Add(time.Millisecond))
		return
	}
	l := &p.lanes[number]
	turn := uint16(l.turn.Load()) + burst
	l.missing.Store(burst)
	l.turn.Store(uint32(turn))
	select {
	case n.orders <- order{lane: uint16(number), turn: turn, count: burst, size: s.Size}:
		p.sent.Add(burst)
	case <-n.closed:
		return
	case <-ctx.Done():
		return
	}
	late := time.NewTimer(answerTime)
	defer late.Stop()
	select {
	case <-l.done:
	case <-late.C:
	case <-ctx.Done():
	}
}

// answered counts the answer to an echo request.
func (p *phase) answered(e echo, size int, now time.Duration) {
	p.back.Add(1)
	p.bytes.Add(uint64(size))
	p.roundTrip.Add(now - e.Sent)
	if p.pattern != Stream || int(e.Lane) >= len(p.lanes) {
		return
	}
	l := &p.lanes[e.Lane]
	if e.Turn/burst == uint16(l.turn.Load())/burst && l.missing.Add(-1) == 0 {
		select {
		case l.done <- struct{}{}:
		default:
		}
	}
}
