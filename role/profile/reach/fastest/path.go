package fastest

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// path is what is known of one.
type path struct {
	Path
	samples []sample // of span, oldest first
	weight  Weight
	weighed time.Time // last
	shunned time.Time // until then
	shunWhy string    // what its server did
	next    time.Time // when to measure
	traffic traffic   // of the present path
	left    time.Time // as one that does not answer any more, and it has not answered since
	lenient int       // how often it was left so, and answered soon after
}

// sample is one measurement.
type sample struct {
	at    time.Time
	asked time.Time
	delay time.Duration
	lost  bool
}

// traffic is the share of the tunnel's packets that were lost, as seen at a time. The zero
// value is none.
type traffic struct {
	lost float64
	at   time.Time
}

// before reports whether there is a loss that was seen before a time, and not since.
func (t traffic) before(since time.Time) bool { return t.lost > 0 && !t.at.After(since) }

// recovered takes a sample of a path that is not in use: one that was left as dead a moment
// ago and answers is given more time from then on.
func (p *path) recovered(now time.Time, lost bool) {
	if lost || p.left.IsZero() {
		return
	}
	if now.Sub(p.left) < recovery {
		p.lenient = min(p.lenient+1, mostLenient)
	}
	p.left = time.Time{}
}

// age forgets what is too old to count.
func (p *path) age(now time.Time, present bool) {
	p.samples = p.forget(now)
	if now.Sub(p.traffic.at) > trafficTime {
		p.traffic = traffic{}
	}
	if !present && now.Sub(p.weighed) > believed {
		p.weight = Open
	}
}

// forget returns the samples that still count.
func (p *path) forget(now time.Time) []sample {
	old := 0
	for old < len(p.samples) && now.Sub(p.samples[old].at) > span {
		old++
	}
	return slices.Delete(p.samples, 0, old)
}

// dead reports whether the last samples of a path were all lost.
func (p *path) dead() bool {
	n := len(p.samples)
	return n >= enough && !slices.ContainsFunc(p.samples[n-enough:], func(s sample) bool { return !s.lost })
}

// answeredSince returns how many samples were answered since a time.
func (p *path) answeredSince(t time.Time) (n int) {
	for _, s := range p.samples {
		if !s.lost && !s.at.Before(t) {
			n++
		}
	}
	return n
}

// delay is the median delay of what was answered lately, 0 if nothing was.
func (p *path) delay() time.Duration {
	all := p.answers()
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return max(all[len(all)/2], 1)
}

// answers are the delays of the last samples that were answered.
func (p *path) answers() (all []time.Duration) {
	for _, s := range p.samples[max(0, len(p.samples)-recent):] {
		if !s.lost {
			all = append(all, s.delay)
		}
	}
	return all
}

// jitter is the mean difference between one delay and the next.
func (p *path) jitter() time.Duration {
	all := p.answers()
	if len(all) < 2 {
		return 0
	}
	var sum time.Duration
	for i := 1; i < len(all); i++ {
		sum += (all[i] - all[i-1]).Abs()
	}
	return sum / time.Duration(len(all)-1)
}

// loss is the share of the tunnel's packets that were lost, or if that is more, of samples:
// as much of it as is no chance, since they are few.
func (p *path) loss() float64 {
	lost := 0.0
	for _, s := range p.samples {
		if s.lost {
			lost++
		}
	}
	if lost == 0 {
		return p.traffic.lost
	}
	return max(p.traffic.lost, (lost-doubt*math.Sqrt(lost))/float64(len(p.samples)))
}

// score is what paths are compared by, less is better; 0: nothing is known.
func (p *path) score() time.Duration {
	d := p.delay()
	if d == 0 {
		return 0
	}
	return time.Duration(float64(d+p.jitter()) * (1 + lossWeight*p.loss()))
}

// rank is the score with what the server says of itself.
func (p *path) rank() time.Duration {
	s := p.score()
	switch p.weight {
	case Full:
		s *= fullWeight
	case Draining:
		s *= 1000
	}
	return s
}

// figures are delay, jitter and loss in words.
func (p *path) figures() string {
	return fmt.Sprintf("%.1f ms, jitter %.1f ms, loss %.1f %%", ms(p.delay()), ms(p.jitter()), 100*p.loss())
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
