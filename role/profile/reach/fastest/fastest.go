// Package fastest decides which of several servers a client is to use (`remote-select
// fastest`). It is a machine without clock and network: measurements and the time go in, what
// to measure next and where to move come out. docs/fastest.md has its rule for users.
package fastest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// The rule.
const (
	// span is how far back samples count.
	span = time.Minute
	// recent is how many samples of it delay and jitter are taken from, the last ones.
	recent = 15
	// enough is how many samples of a path a first choice is made by, and how many that lie
	// within Options.Steady it takes to move to it.
	enough = 3
	// lossWeight is how many times a path would be worse if all packets were lost: 2 % double
	// its score.
	lossWeight = 50
	// doubt is how many standard deviations of lost samples are put down to chance.
	doubt = 1.5
	// margin and ratio say when another path is better: its score, times ratio, and with
	// margin on top, is still below that of the present one.
	margin, ratio = 10 * time.Millisecond, 1.3
	// rest is how long after a move no other one is made because of a better path.
	rest = time.Minute
	// shun is how long a path is left out that did not let this client in.
	shun = 5 * time.Minute
	// believed is how long a server that is not in use is taken to be full or draining.
	believed = 10 * time.Minute
	// fullWeight is how many times a server is worse that says it is full.
	fullWeight = 3
)

// When paths are measured.
const (
	leastPatience, mostPatience = 150 * time.Millisecond, time.Second

	sparse     = 30 * time.Second // another path while all is well
	sparseTCP  = 2 * time.Minute  // the same, where a sample takes a connection
	closely    = time.Second      // a path that may be better
	least      = 5 * time.Second  // between two looks at others because the present one got worse
	suspicious = 10 * time.Second // how long the others are looked at closely then
)

// DefaultSteady is how long another path has to be better, without a break.
const DefaultSteady = 20 * time.Second

// Options are settings of a Choice.
type Options struct {
	// Steady is how long another path has to be better before it is moved to; 0:
	// DefaultSteady.
	Steady time.Duration
}

// Path is one address of a server over one protocol.
type Path struct {
	Name string // for people
	TCP  bool
}

// Weight is what a server says of itself.
type Weight int

// The weights.
const (
	Open     Weight = iota // it takes more clients
	Full                   // it would rather not
	Draining               // it wants its clients to leave
)

// Choice is the state of measuring and choosing.
type Choice struct {
	options Options
	paths   []path
	present int // -1: none
	moved   time.Time
	// better is the path that has been better than the present one since a time; -1: none.
	better int
	since  time.Time
	worse  time.Time // when the present path was seen to be worse than before
	failed bool      // the present path does not work any more
}

// path is what is known of one.
type path struct {
	Path
	samples []sample // of span, oldest first
	weight  Weight
	weighed time.Time // last
	shunned time.Time // until then
	next    time.Time // when to measure
	traffic float64   // share of packets of the tunnel that were lost; of the present path
}

// sample is one measurement.
type sample struct {
	at    time.Time
	delay time.Duration
	lost  bool
}

// New returns a Choice among paths, none of which is in use. All are due.
func New(paths []Path, o Options) *Choice {
	o.Steady = cmp.Or(o.Steady, DefaultSteady)
	c := &Choice{options: o, present: -1, better: -1}
	for _, p := range paths {
		c.paths = append(c.paths, path{Path: p})
	}
	return c
}

// Sample notes that a packet was answered after a delay, or was lost.
func (c *Choice) Sample(now time.Time, n int, delay time.Duration, lost bool) {
	p := &c.paths[n]
	if n == c.present && !lost {
		c.excuse(p)
	}
	before := p.score()
	p.samples = p.forget(now)
	if last := len(p.samples) - 1; n == c.present && lost && last >= 0 && p.samples[last].lost && now.Sub(p.samples[last].at) < closely {
		p.samples[last].at = now // one silence, however often it was asked in it
	} else {
		p.samples = append(p.samples, sample{now, delay, lost})
	}
	if n != c.present {
		return
	}
	if !lost {
		c.failed = false
	}
	if lost || before > 0 && delay > before*3/2 {
		c.suspect(now)
	}
}

// excuse takes the last samples of the present path that were lost for the network's fault,
// and drops them, where no other path has answered since.
func (c *Choice) excuse(p *path) {
	run := len(p.samples)
	for run > 0 && p.samples[run-1].lost {
		run--
	}
	if run == len(p.samples) {
		return
	}
	since := p.samples[run].at.Add(-Patience(p.delay()))
	for i := range c.paths {
		if i != c.present && c.paths[i].answeredSince(since) > 0 {
			return
		}
	}
	p.samples = p.samples[:run]
}

// Traffic notes which share of the tunnel's packets was lost lately on the present path,
// from 0 to 1.
func (c *Choice) Traffic(now time.Time, lost float64) {
	if c.present < 0 {
		return
	}
	c.paths[c.present].traffic = lost
	if lost > 0.01 {
		c.suspect(now)
	}
}

// suspect has the others looked at closely for a while.
func (c *Choice) suspect(now time.Time) {
	if now.Sub(c.worse) < least {
		return
	}
	c.worse = now
	for i := range c.paths {
		p := &c.paths[i]
		if i != c.present && !p.shunned.After(now) {
			p.next = now
		}
	}
}

// Use says that a path is in use from now on; -1: none.
func (c *Choice) Use(now time.Time, n int) {
	if n == c.present {
		return
	}
	if c.present >= 0 {
		c.paths[c.present].traffic = 0
	}
	c.present, c.better, c.failed, c.worse, c.moved = n, -1, false, time.Time{}, now
}

// Weigh notes what the server of a path says of itself.
func (c *Choice) Weigh(now time.Time, n int, w Weight) {
	c.paths[n].weight, c.paths[n].weighed = w, now
}

// Refused leaves out a path for a while, whose server did not let this client in though it
// may have answered.
func (c *Choice) Refused(now time.Time, n int) { c.paths[n].shunned = now.Add(shun) }

// Failed says that the present path does not work any more, until a sample of it is answered.
func (c *Choice) Failed(now time.Time) {
	c.failed = true
	c.suspect(now)
}

// Due returns the paths to measure now, and takes it that they are. The present one is not
// among them: it is measured inside the tunnel.
func (c *Choice) Due(now time.Time) (list []int) {
	for i := range c.paths {
		p := &c.paths[i]
		if i == c.present || p.next.After(now) {
			continue
		}
		p.next = now.Add(c.pause(now, i))
		list = append(list, i)
	}
	return list
}

// pause is the time until a path is measured again.
func (c *Choice) pause(now time.Time, n int) time.Duration {
	watched := n == c.better || now.Sub(c.worse) < suspicious && !c.paths[n].shunned.After(now)
	switch {
	case c.present >= 0 && watched:
		return closely
	case c.paths[n].TCP:
		return sparseTCP
	}
	return sparse
}

// Deadline is when Due or Decide may have something new.
func (c *Choice) Deadline() (at time.Time) {
	by := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for i := range c.paths {
		if i != c.present {
			by(c.paths[i].next)
		}
	}
	if c.better >= 0 {
		by(c.since.Add(c.options.Steady))
	}
	return at
}

// Decide returns the path to move to, and why; ok is false if there is none. Whoever moves
// says so by Use, and by Refused if that fails.
func (c *Choice) Decide(now time.Time) (to int, why string, ok bool) {
	best, found := c.best(now, c.present)
	if !found || c.present < 0 {
		return -1, "", false
	}
	p, b := &c.paths[c.present], &c.paths[best]
	if c.failed {
		return best, "the present server does not answer any more", c.alone(p, b)
	}
	have, want := p.rank(), b.rank()
	clearly := time.Duration(float64(want)*ratio)+margin < have
	if have == 0 || !clearly {
		c.better = -1
		return -1, "", false
	}
	if c.better != best {
		c.better, c.since = best, now
		b.next = now
	}
	if now.Sub(c.since) < c.options.Steady || now.Sub(c.moved) < c.rest() || b.answeredSince(c.since) < enough {
		return -1, "", false
	}
	return best, fmt.Sprintf("it has been better for %v: %s, and the present one %s", now.Sub(c.since).Round(time.Second), b.figures(), p.figures()), true
}

// alone reports whether the present path has failed and not the network that both are reached
// by: the other one has answered, and after that the present one has not.
func (c *Choice) alone(p, other *path) bool {
	at := slices.IndexFunc(other.samples, func(s sample) bool { return !s.lost && !s.at.Before(c.worse) })
	if at < 0 || len(p.samples) == 0 {
		return false
	}
	last := p.samples[len(p.samples)-1]
	asked := last.at.Add(-Patience(p.delay()))
	return last.lost && !asked.Before(other.samples[at].at)
}

// Patience is how long an answer inside the tunnel is waited for where the delay is known.
func Patience(delay time.Duration) time.Duration {
	return min(max(leastPatience, 3*delay), mostPatience)
}

// rest is how long a move is followed by no other.
func (c *Choice) rest() time.Duration { return min(rest, 3*c.options.Steady) }

// Best returns the best path of those that have answered; ok is false if none has.
func (c *Choice) Best(now time.Time) (n int, ok bool) { return c.best(now, -1) }

// best is Best without one path.
func (c *Choice) best(now time.Time, but int) (n int, ok bool) {
	n = -1
	for i := range c.paths {
		p := &c.paths[i]
		p.age(now, i == c.present)
		if i == but || p.rank() == 0 || p.dead() || p.shunned.After(now) || p.weight == Draining {
			continue
		}
		if n < 0 || p.rank() < c.paths[n].rank() {
			n = i
		}
	}
	if n < 0 && but < 0 { // better a server that drains than none
		for i := range c.paths {
			if c.paths[i].weight == Draining && c.paths[i].rank() > 0 && !c.paths[i].shunned.After(now) {
				return i, true
			}
		}
	}
	return n, n >= 0
}

// Leads reports whether a path has enough answers for a first choice, and its delay.
func (c *Choice) Leads(now time.Time) (enoughOf bool, delay time.Duration) {
	n, ok := c.Best(now)
	if !ok {
		return false, 0
	}
	p := &c.paths[n]
	return len(p.answers()) >= enough, p.delay()
}

// age forgets what is too old to count.
func (p *path) age(now time.Time, present bool) {
	p.samples = p.forget(now)
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
		return p.traffic
	}
	return max(p.traffic, (lost-doubt*math.Sqrt(lost))/float64(len(p.samples)))
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
