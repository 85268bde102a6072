package tunnel

import (
	"context"
	"sync/atomic"
	"time"
)

// Shaper is a token bucket for what a host sends to its peers. It counts the bytes of
// datagrams. After one of b bytes, at n bytes a second, the next is due b/n seconds
// later, as with OpenVPN. Any goroutine may use it.
type Shaper struct {
	rate int64 // bytes a second
	born time.Time
	free atomic.Int64 // when the next datagram is due; ns since born
}

const (
	// shaperSlack is the time of silence that a sender may make up for: timers are not
	// exact.
	shaperSlack = 10 * time.Millisecond
	// shaperNap is the shortest wait that a timer is worth.
	shaperNap = 200 * time.Microsecond
	// shaperDebt is how far ahead of their time packets may be that are never waited
	// for, since they come from a peer. Those beyond are dropped.
	shaperDebt = 100 * time.Millisecond
	// usualPacket is a packet's size in bytes, for estimates.
	usualPacket = 1500
)

// NewShaper returns a shaper for a rate in bytes a second, above 0.
func NewShaper(rate int, now time.Time) *Shaper { return &Shaper{rate: int64(rate), born: now} }

// Rate returns the rate in bytes a second.
func (s *Shaper) Rate() int { return int(s.rate) }

// batch returns how many packets to take at once: as many as leave within the slack.
func (s *Shaper) batch() int {
	return max(int(s.rate*int64(shaperSlack)/int64(time.Second)/usualPacket), 1)
}

// sent counts a datagram.
func (s *Shaper) sent(now time.Time, size int) {
	cost := int64(size) * int64(time.Second) / s.rate
	earliest := int64(now.Sub(s.born) - shaperSlack)
	for {
		free := s.free.Load()
		if s.free.CompareAndSwap(free, max(free, earliest)+cost) {
			return
		}
	}
}

// early returns how long the next datagram would be ahead of its time; 0 or less: it
// may go.
func (s *Shaper) early(now time.Time) time.Duration {
	return time.Duration(s.free.Load() - int64(now.Sub(s.born)))
}

// wait waits until the next datagram may go, or ctx ends, and returns the time. What
// the sender has gathered leaves first.
func (s *Shaper) wait(ctx context.Context, now time.Time, out *sender) time.Time {
	early := s.early(now)
	if early < shaperNap {
		return now
	}
	out.end()
	if out.timer == nil {
		out.timer = time.NewTimer(early)
	} else {
		out.timer.Reset(early)
	}
	select {
	case <-out.timer.C:
	case <-ctx.Done():
		out.timer.Stop()
	}
	now = time.Now()
	out.now = now
	return now
}
