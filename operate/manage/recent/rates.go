package recent

import "time"

// seconds is how many rates are kept: a quarter of an hour.
const seconds = 900

// Rates are measurements, one after the other, the latest at Until.
type Rates struct {
	Step     float64   `json:"step" doc:"seconds between two of them"`
	Until    time.Time `json:"until" doc:"when the last one was taken"`
	BytesIn  []uint64  `json:"bytes_in" nullable:"false" doc:"of the data channel from peers, in each step"`
	BytesOut []uint64  `json:"bytes_out" nullable:"false" doc:"to peers"`
	Sessions []int     `json:"sessions" nullable:"false" doc:"how many were up at its end"`
}

// rates is a ring of measurements.
type rates struct {
	in, out  [seconds]uint64
	sessions [seconds]int
	count    int // so far
	until    time.Time

	lastIn, lastOut uint64
}

func (r *rates) begin(in, out uint64) { r.lastIn, r.lastOut = in, out }

// add adds what was counted since the last one.
func (r *rates) add(now time.Time, in, out uint64, sessions int) {
	i := r.count % seconds
	// A session that is leaving may be counted in neither place for a moment.
	r.in[i], r.out[i], r.sessions[i] = max(in, r.lastIn)-r.lastIn, max(out, r.lastOut)-r.lastOut, sessions
	r.lastIn, r.lastOut = max(in, r.lastIn), max(out, r.lastOut)
	r.count, r.until = r.count+1, now
}

func (r *rates) list() Rates {
	n := min(r.count, seconds)
	l := Rates{Step: 1, Until: r.until, BytesIn: make([]uint64, n), BytesOut: make([]uint64, n), Sessions: make([]int, n)}
	for i := range n {
		at := (r.count - n + i) % seconds
		l.BytesIn[i], l.BytesOut[i], l.Sessions[i] = r.in[at], r.out[at], r.sessions[at]
	}
	return l
}
