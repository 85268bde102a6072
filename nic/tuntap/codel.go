package tuntap

import (
	"math"
	"time"
)

// CoDel's two parameters, from RFC 8289 section 4 and RFC 8290 section 5.2.
const (
	// codelTarget is how long packets may wait all the time. Bursts may wait
	// longer.
	codelTarget = 5 * time.Millisecond
	// codelInterval is how long packets must have waited longer than codelTarget
	// before one is dropped: about a round trip, the time a sender needs to slow
	// down.
	codelInterval = 100 * time.Millisecond
)

// codel decides which packets of a queue to drop, so that senders keep the queue
// short but not empty (CoDel, RFC 8289 section 5). The zero value is ready. It has
// no clock: times count from any fixed moment.
type codel struct {
	above    time.Duration // when packets will have waited too long for an interval; 0: they do not
	next     time.Duration // while dropping: when to drop again
	count    uint32        // drops since dropping began
	began    uint32        // count when it began
	dropping bool
}

// drop is called for every packet that leaves the queue, in order, with the time it
// waited. It reports whether to drop the packet. The last packet of a queue is
// never dropped.
func (c *codel) drop(now, waited time.Duration, last bool) bool {
	standing := c.standing(now, waited, last)
	switch {
	case !standing:
		c.dropping = false
		return false
	case !c.dropping:
		c.begin(now)
		return true
	case now < c.next:
		return false
	}
	c.count++
	c.next += c.spacing()
	return true
}

// standing reports whether packets have waited too long for a whole interval.
func (c *codel) standing(now, waited time.Duration, last bool) bool {
	switch {
	case waited < codelTarget || last:
		c.above = 0
	case c.above == 0:
		c.above = now + codelInterval
	default:
		return now >= c.above
	}
	return false
}

// begin starts dropping, at the last rate if dropping ended not long ago.
func (c *codel) begin(now time.Duration) {
	c.dropping = true
	recent := c.count - c.began
	c.count = 1
	if recent > 1 && now-c.next < 16*codelInterval {
		c.count = recent
	}
	c.began = c.count
	c.next = now + c.spacing()
}

// spacing returns the time until the next drop. A TCP sender's rate falls in
// proportion to it.
func (c *codel) spacing() time.Duration {
	return time.Duration(float64(codelInterval) / math.Sqrt(float64(c.count)))
}
