// Package brake keeps a loop from spinning. The road reads on after an error that
// concerns single packets. If such errors come again and again with nothing in
// between, a brake makes the loop pause, longer each time, and finally end.
package brake

import "time"

const (
	// free is how many failures in a row cost nothing.
	free = 8
	// After that, pauses double from firstPause to longestPause.
	firstPause   = time.Millisecond
	longestPause = time.Second
	// A read that lasted calm before it failed is not part of a spinning loop.
	calm = 100 * time.Millisecond
	// newsInterval is the least time between two reports.
	newsInterval = time.Minute
)

// Patience is how long failures may follow each other before a loop must end.
const Patience = 30 * time.Second

// Brake counts failures that follow each other. The zero value is ready. It
// belongs to one goroutine.
type Brake struct {
	failures int
	since    time.Time // of the first
	resumed  time.Time // when the loop went on after the last
	reported time.Time
}

// Verdict is what a loop does after a failure: wait for Pause and go on, or end.
type Verdict struct {
	Pause time.Duration
	// News says whether to report the failure: once while failures follow each
	// other, and at most once a minute.
	News bool
	// End reports that Patience is over.
	End bool
}

// Failed counts a failure at the time now.
func (b *Brake) Failed(now time.Time) Verdict {
	if b.failures > 0 && now.Sub(b.resumed) >= calm {
		b.failures = 0
	}
	if b.failures == 0 {
		b.since = now
	}
	b.failures++
	b.resumed = now
	if b.failures <= free {
		return Verdict{}
	}
	if now.Sub(b.since) >= Patience {
		return Verdict{End: true}
	}
	v := Verdict{Pause: min(firstPause<<min(b.failures-free-1, 20), longestPause)}
	if b.failures == free+1 && (b.reported.IsZero() || now.Sub(b.reported) >= newsInterval) {
		v.News, b.reported = true, now
	}
	b.resumed = now.Add(v.Pause)
	return v
}

// Succeeded forgets the failures.
func (b *Brake) Succeeded() { b.failures = 0 }

// Wait waits for the length of a pause. It returns false at once when done is
// closed.
func Wait(done <-chan struct{}, pause time.Duration) bool {
	if pause <= 0 {
		return true
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}
