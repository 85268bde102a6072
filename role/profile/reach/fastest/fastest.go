// Package fastest decides which of several servers a client is to use (`remote-select
// fastest`). It is a machine without clock and network: measurements and the time go in, what
// to measure next and where to move come out. docs/fastest.md has its rule for users.
package fastest

import (
	"cmp"
	"fmt"
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
	// trafficTime is how long a figure of the tunnel's loss counts without another one.
	trafficTime = 11 * time.Second
	// fullWeight is how many times a server is worse that says it is full.
	fullWeight = 3
)

// When paths are measured.
const (
	// leastPatience is the least time that an answer inside the tunnel is waited for, and
	// leastPatienceTCP the same where a lost packet is first sent again.
	leastPatience, leastPatienceTCP, mostPatience = 120 * time.Millisecond, 400 * time.Millisecond, time.Second
	// mostLenient is how often that is doubled at most.
	mostLenient = 3
	// recovery is how soon after it was left as dead a server answers that was not.
	recovery = 10 * time.Second

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

// Path is one address of a server over one protocol. Equal ones are the same path.
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
	worse  time.Time     // when the present path was seen to be worse than before
	failed bool          // the present path does not work any more
	silent time.Time     // since when the present path answers nothing; zero: it answers
	looked time.Time     // when the others were measured because of a doubt, last
	gone   map[Path]path // what counts on of paths that are not among them any more
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

// Sample notes that a packet was answered after a delay, or that so long was waited for an
// answer and it was lost.
func (c *Choice) Sample(now time.Time, n int, delay time.Duration, lost bool) {
	p := &c.paths[n]
	if n == c.present && !lost {
		c.Heard()
	}
	before := p.score()
	p.samples = p.forget(now)
	asked := now.Add(-delay)
	if last := len(p.samples) - 1; n == c.present && lost && last >= 0 && p.samples[last].lost && now.Sub(p.samples[last].at) < closely {
		p.samples[last].at, p.samples[last].asked = now, asked // one silence, however often it was asked in it
	} else {
		p.samples = append(p.samples, sample{now, asked, delay, lost})
	}
	switch {
	case n != c.present:
		p.recovered(now, lost)
		return
	case lost && c.silent.IsZero():
		c.silent = asked
	}
	if lost || before > 0 && delay > before*3/2 {
		c.suspect(now)
	}
}

// Heard says that the silence of the server in use has ended.
func (c *Choice) Heard() {
	if c.present >= 0 && !c.silent.IsZero() {
		c.excuse(&c.paths[c.present])
	}
	c.Alive()
}

// Alive says that the server in use is not silent, whatever it has not answered.
func (c *Choice) Alive() { c.failed, c.silent = false, time.Time{} }

// Doubt says that packets have gone out by the present path since a time, and none came
// back: the others are measured at once, so that it is known whose fault that is.
func (c *Choice) Doubt(now, since time.Time) {
	if !c.silent.IsZero() {
		return
	}
	c.silent = since
	if now.Sub(c.looked) >= least {
		c.looked = now
		c.others(now)
	}
}

// excuse takes the last samples of the present path that were lost for the network's fault,
// and drops them, where no other path has answered since it fell silent.
func (c *Choice) excuse(p *path) {
	run := len(p.samples)
	for run > 0 && p.samples[run-1].lost {
		run--
	}
	for i := range c.paths {
		if i != c.present && c.paths[i].answeredSince(c.silent) > 0 {
			return
		}
	}
	p.samples = p.samples[:run]
}

// Traffic notes which share of the tunnel's packets was lost lately on the present path,
// from 0 to 1. A figure counts until the next one, for trafficTime at most.
func (c *Choice) Traffic(now time.Time, lost float64) {
	if c.present < 0 {
		return
	}
	c.paths[c.present].traffic = traffic{lost, now}
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
	c.others(now)
}

// others has all paths but the present one measured now.
func (c *Choice) others(now time.Time) {
	for i := range c.paths {
		p := &c.paths[i]
		if i != c.present && !p.shunned.After(now) {
			p.next = now
		}
	}
}

// Use says that a path is in use from now on, by a connection that works; -1: none.
func (c *Choice) Use(now time.Time, n int) {
	if n == c.present { // it may be another session with the same server
		c.Alive()
		return
	}
	if c.present >= 0 {
		p := &c.paths[c.present]
		p.traffic = traffic{}
		if c.failed {
			p.left, p.next = now, now
		}
	}
	if n >= 0 {
		c.paths[n].left = time.Time{}
	}
	c.present, c.better, c.failed, c.worse, c.moved, c.silent, c.looked = n, -1, false, time.Time{}, now, time.Time{}, time.Time{}
}

// Weigh notes what the server of a path says of itself.
func (c *Choice) Weigh(now time.Time, n int, w Weight) {
	c.paths[n].weight, c.paths[n].weighed = w, now
}

// Refused leaves out a path for a while, whose server did not let this client in though it
// may have answered. Why is for people.
func (c *Choice) Refused(now time.Time, n int, why string) {
	c.paths[n].shunned, c.paths[n].shunWhy = now.Add(shun), why
}

// Forget drops what was measured of a path: it may be gone.
func Forget(c *Choice, n int) { c.paths[n].samples = nil }

// Failed says that the present path does not work any more, until a sample of it is answered.
func (c *Choice) Failed(now time.Time) {
	c.failed = true
	c.suspect(now)
}

// Silent reports whether the present path does not work any more.
func (c *Choice) Silent() bool { return c.failed }

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
	p := &c.paths[n]
	watched := n == c.better || (now.Sub(c.worse) < suspicious || now.Sub(p.left) < recovery) && !p.shunned.After(now)
	switch {
	case c.present >= 0 && watched:
		return closely
	case p.TCP:
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
	if c.present < 0 {
		return -1, "", false
	}
	p := &c.paths[c.present]
	if c.failed {
		best, found := c.best(now, func(n int) bool { return n != c.present && p.alone(c.silent, &c.paths[n]) })
		return best, "the present server does not answer any more", found
	}
	best, found := c.best(now, c.another)
	if !found {
		c.better = -1
		return -1, "", false
	}
	b := &c.paths[best]
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
	if now.Sub(c.since) < c.options.Steady || now.Sub(c.moved) < c.options.rest() || b.answeredSince(c.since) < enough || p.traffic.before(c.since) {
		return -1, "", false
	}
	return best, fmt.Sprintf("it has been better for %v: %s, and the present one %s", now.Sub(c.since).Round(time.Second), b.figures(), p.figures()), true
}

// another reports whether a path is not the one in use, and its server wants clients.
func (c *Choice) another(n int) bool { return n != c.present && c.paths[n].weight != Draining }

// alone reports whether the present path, which has been silent since a time, has failed, and
// not the network that both are reached by: the other one has answered what it was asked when
// the present one should have answered already, and the present one was asked again after
// that, in vain.
func (p *path) alone(silent time.Time, other *path) bool {
	if silent.IsZero() || len(p.samples) == 0 {
		return false
	}
	late := silent.Add(p.delay())
	at := slices.IndexFunc(other.samples, func(s sample) bool { return !s.lost && !s.asked.Before(late) })
	if at < 0 {
		return false
	}
	last := p.samples[len(p.samples)-1]
	return last.lost && !last.asked.Before(other.samples[at].at)
}

// Patience is how long an answer of the present path is waited for inside the tunnel: as
// long as it takes, and four times as much as that varies.
func (c *Choice) Patience() time.Duration {
	if c.present < 0 {
		return mostPatience
	}
	p := &c.paths[c.present]
	delay, floor := p.delay(), leastPatience
	if p.TCP {
		floor = leastPatienceTCP
	}
	if delay == 0 {
		return mostPatience
	}
	return min(max(floor, delay+max(4*p.jitter(), delay/2)), mostPatience) << p.lenient
}

// rest is how long a move is followed by no other.
func (o Options) rest() time.Duration { return min(rest, 3*o.Steady) }

// Best returns the best path of those that have answered; ok is false if none has.
func (c *Choice) Best(now time.Time) (n int, ok bool) {
	return c.best(now, func(int) bool { return true })
}

// best is Best of those that fit.
func (c *Choice) best(now time.Time, fits func(n int) bool) (n int, ok bool) {
	n = -1
	for i := range c.paths {
		p := &c.paths[i]
		p.age(now, i == c.present)
		if !fits(i) || p.rank() == 0 || p.dead() || i != c.present && !p.left.IsZero() || p.shunned.After(now) {
			continue
		}
		if n < 0 || p.rank() < c.paths[n].rank() {
			n = i
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
