package reliable

import "time"

// roundTrip estimates the retransmission timeout as RFC 6298 does: smoothed
// round trip and its variation, from packets sent only once. Instead of the
// RFC's minimum timeout of a second there is a minimum margin over the round
// trip, as in Linux's TCP: a needless retransmission costs little here, and
// people wait for a handshake.
type roundTrip struct {
	initial        time.Duration
	smoothed, vary time.Duration
}

func (r *roundTrip) measure(rtt time.Duration) {
	if r.smoothed == 0 {
		r.smoothed, r.vary = rtt, rtt/2
		return
	}
	r.vary += ((r.smoothed - rtt).Abs() - r.vary) / 4
	r.smoothed += (rtt - r.smoothed) / 8
}

func (r *roundTrip) value() time.Duration {
	if r.smoothed == 0 {
		return r.initial
	}
	return min(r.smoothed+max(4*r.vary, minMargin), maxTimeout)
}
