package server

import (
	"time"

	"culvert/access/limits"
	"culvert/tunnel"
)

// rates are the buckets by which a client's packets are let through, in bytes inside the
// tunnel. They are replaced as a whole.
type rates struct {
	up, down *limits.Bucket // from the client, to it; nil: no limit
}

// keepTo has a client keep to the rates of its terms from now on. A bucket whose rate stays
// goes on.
func (c *client) keepTo(t *Terms, now time.Time) {
	next := rates{limits.NewBucket(t.Up, now), limits.NewBucket(t.Down, now)}
	if before := c.rates.Load(); before != nil {
		if before.up.Rate() == t.Up {
			next.up = before.up
		}
		if before.down.Rate() == t.Down {
			next.down = before.down
		}
	}
	if next == (rates{}) {
		c.rates.Store(nil)
		return
	}
	c.rates.Store(&next)
}

// sends reports whether a packet from the client keeps to its rate.
func (c *client) sends(now time.Time, bytes int) bool {
	r := c.rates.Load()
	return r == nil || r.up.Take(now, bytes)
}

// gets reports whether a packet to the client keeps to its rate.
func (c *client) gets(now time.Time, bytes int) bool {
	r := c.rates.Load()
	return r == nil || r.down.Take(now, bytes)
}

// ration takes out of a frame's receivers those who get more than their rate.
func ration(now time.Time, bytes int, to *tunnel.Receivers) tunnel.Drop {
	kept, over := to.Peers[:0], false
	for _, p := range to.Peers {
		if p.Owner.(*client).gets(now, bytes) {
			kept = append(kept, p)
		} else {
			over = true
		}
	}
	to.Peers = kept
	if over && !to.Adapter && len(kept) == 0 {
		return tunnel.OverRate
	}
	return tunnel.Kept
}
