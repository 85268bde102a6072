package swarm

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

func (s *swarm) sayf(format string, args ...any) { s.say(fmt.Sprintf(format, args...)) }

func (s *swarm) say(text string) {
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.Progress != nil {
		fmt.Fprintf(s.Progress, "%5.0fs  %s\n", time.Since(s.began).Seconds(), text)
	}
}

// tick reports progress each second, until the function it returns is called.
func (s *swarm) tick() (stop func()) {
	done := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		var before tally
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-second.C:
				now := s.tally()
				s.say(now.since(before))
				before = now
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		ticking.Wait()
	}
}

// tally is the state of the swarm at one time.
type tally struct {
	phase         *phase
	up, errors    int
	handshakes    uint64
	answers, bits uint64
}

func (s *swarm) tally() tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := tally{up: s.up(), handshakes: s.report.Handshakes, phase: s.phase.Load()}
	for _, e := range s.report.Errors {
		t.errors += e.Count
	}
	if t.phase != nil {
		t.answers, t.bits = t.phase.back.Load(), 8*t.phase.bytes.Load()
	}
	return t
}

// since describes the second from before to t.
func (t tally) since(before tally) string {
	if before.phase != t.phase {
		before.answers, before.bits = 0, 0
	}
	parts := []string{fmt.Sprintf("%d up", t.up), fmt.Sprintf("%d handshakes/s", t.handshakes-before.handshakes)}
	if n := t.answers - before.answers; n > 0 {
		parts = append(parts, fmt.Sprintf("%d answers/s, %s", n, bitRate(float64(t.bits-before.bits))))
	}
	if t.errors > 0 {
		parts = append(parts, fmt.Sprintf("%d errors", t.errors))
	}
	return strings.Join(parts, ", ")
}
