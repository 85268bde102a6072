package top

import (
	"time"

	"culvert/operate/backend"
	"culvert/operate/manage/recent"
)

// kept is how many samples are kept, one a second.
const kept = 300

// keptOfAPeer is how many samples of one peer are kept.
const keptOfAPeer = 60

// rates are bytes a second, from peers and to them, the latest last.
type rates struct{ in, out []float64 }

func (r *rates) add(in, out float64, most int) {
	r.in, r.out = append(r.in, in), append(r.out, out)
	if len(r.in) > most {
		r.in, r.out = r.in[1:], r.out[1:]
	}
}

// before puts what was carried earlier before what there is.
func (r *rates) before(past recent.Rates) {
	if past.Step <= 0 {
		return
	}
	n := min(len(past.BytesIn), len(past.BytesOut))
	all := &rates{}
	for i := range n {
		all.add(float64(past.BytesIn[i])/past.Step, float64(past.BytesOut[i])/past.Step, kept)
	}
	for i := range r.in {
		all.add(r.in[i], r.out[i], kept)
	}
	*r = *all
}

// now are the latest rates.
func (r *rates) now() (in, out float64) {
	if len(r.in) == 0 {
		return 0, 0
	}
	return r.in[len(r.in)-1], r.out[len(r.out)-1]
}

// key is what a peer is known by from one status to the next.
type key struct {
	number uint64
	remote string // tells those apart that have no number
	since  time.Time
}

func keyOf(p *backend.Peer) key {
	if p.Number != 0 {
		return key{number: p.Number}
	}
	return key{remote: p.Remote, since: p.Since}
}

// counted is what a peer carried so far.
type counted struct {
	in, out uint64
	rates   rates
}

// sampler makes rates of one status after the other.
type sampler struct {
	at     time.Time // of the last status; zero: none yet
	peers  map[key]*counted
	total  rates
	drops  map[string]uint64
	losing map[string]float64 // drops a second, by reason
}

// take takes a status of a moment.
func (s *sampler) take(now time.Time, status *backend.Status) {
	seconds := now.Sub(s.at).Seconds()
	first := s.at.IsZero()
	if !first && seconds <= 0 {
		return
	}
	peers := make(map[key]*counted, len(status.Peers))
	var in, out float64
	for i := range status.Peers {
		p := &status.Peers[i]
		k := keyOf(p)
		c := s.peers[k]
		if c == nil {
			c = new(counted)
			if first { // what it carried before is not of this second
				c.in, c.out = p.BytesIn, p.BytesOut
			}
		}
		if !first {
			peerIn, peerOut := since64(c.in, p.BytesIn)/seconds, since64(c.out, p.BytesOut)/seconds
			c.rates.add(peerIn, peerOut, keptOfAPeer)
			in, out = in+peerIn, out+peerOut
		}
		c.in, c.out = p.BytesIn, p.BytesOut
		peers[k] = c
	}
	losing := map[string]float64{}
	if !first {
		s.total.add(in, out, kept)
		for reason, n := range status.Drops {
			if r := since64(s.drops[reason], n) / seconds; r > 0 {
				losing[reason] = r
			}
		}
	}
	s.at, s.peers, s.drops, s.losing = now, peers, status.Drops, losing
}

// since64 is by how much a counter grew; one that begins anew grew by what it shows.
func since64(before, now uint64) float64 {
	if now < before {
		return float64(now)
	}
	return float64(now - before)
}

// of are the rates of a peer.
func (s *sampler) of(p *backend.Peer) *rates {
	if c := s.peers[keyOf(p)]; c != nil {
		return &c.rates
	}
	return new(rates)
}

// handshakes counts how those who came fared, in the last minute.
type handshakes struct{ came, failed []time.Time }

// mostHandshakes is how many are told apart; more are as many.
const mostHandshakes = 10000

func (h *handshakes) take(e *backend.Event) {
	switch e.Kind {
	case backend.Up:
		h.came = bounded(append(h.came, e.Time))
	case backend.Failed, backend.Refused:
		h.failed = bounded(append(h.failed, e.Time))
	}
}

func bounded(times []time.Time) []time.Time { return times[max(0, len(times)-mostHandshakes):] }

// lastMinute is how many came in and failed.
func (h *handshakes) lastMinute(now time.Time) (came, failed int) {
	count := func(times *[]time.Time) int {
		for len(*times) > 0 && now.Sub((*times)[0]) > time.Minute {
			*times = (*times)[1:]
		}
		return len(*times)
	}
	return count(&h.came), count(&h.failed)
}
