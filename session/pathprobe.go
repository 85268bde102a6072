package session

import (
	"encoding/binary"
	"time"
)

const (
	// helloTries and sizeTries are how often a size is tried before it counts as lost.
	helloTries, sizeTries = 5, 3
	// helloTime is how long the first answer is waited for; after that the round trip is
	// known, and leastTime to mostTime holds. Each later try has twice the time.
	helloTime, leastTime, mostTime = 250 * time.Millisecond, 40 * time.Millisecond, time.Second
	// pace is the least time between two questions: a peer limits how often it answers.
	pace = answerGap + answerGap/2
	// confirmEvery is how often a size is tried again while the tunnel is used, so that a
	// path that became narrow is noticed; checkAfter is when a narrow path is measured
	// again for the first time, and raiseEvery when any path is.
	confirmEvery, checkAfter, raiseEvery = time.Minute, 30 * time.Second, 10 * time.Minute
	// rounding is by how much a load may be shorter than was asked for: blocks of a cipher.
	rounding = 40
)

// PathProbe measures which datagrams pass both ways in one piece, after RFC 8899
// (DPLPMTUD): a question for a load, itself padded to the size in question, is answered by
// a load of that size. OpenVPN answers it as Culvert does. A peer that does not is asked by
// pings in the tunnel (Echo). It belongs to the control goroutine; nothing is measured before
// Measure.
type PathProbe struct {
	// Believes, if not nil, returns the largest datagram that this host's system believes
	// to pass, bytes; 0: it does not say. That is tried first.
	Believes func() int

	news     *news
	data     *Data
	messages *loadMessages
	most     int     // the longest datagram, bytes; 0: no limit
	echo     Echo    // for pings; not valid: there are none
	pings    *echoes // in place of loads; nil: loads
	since    uint16  // the sequence of the first ping of the size being tried

	phase  pathPhase
	top    int // the largest datagram that is of use, bytes
	lo, hi int // lo passes, and nothing above hi does
	size   int // being tried
	long   int // of the question with which that is done, bytes: blocks of a cipher may make it shorter
	pass   int // the length of the question of size lo
	heard  int // the largest load that was an answer: another one is a late answer to the same question
	tries  int // of it
	alive  pathAlive
	full   bool // top was tried
	trip   time.Duration
	first  time.Time // the first question of the size was sent
	sent   time.Time // the last
	due    time.Time // of the next step; zero: there is none

	known  PathMeasured  // as reported; Tried 0: nothing was
	narrow bool          // known was measured narrow twice
	whole  time.Time     // when everything is measured again
	used   int64         // bytes that the tunnel had carried at the last look
	wait   time.Duration // before a peer that never answered is asked again
}

type pathPhase int

const (
	pathOff     pathPhase = iota
	pathHello             // does the peer answer?
	pathSearch            // between lo and hi
	pathRest              // known
	pathConfirm           // does what is known still pass?
)

// pathAlive is how a size that does not pass is told from a path that carries nothing for a
// while, as when a process on the way waits for a processor: before a size is tried for the
// last time, the peer has to answer a question of the size that passes.
type pathAlive struct {
	asks  bool // such an answer is waited for
	asked int  // how often it was asked for
	known bool // it has come since the size was tried first
}

// Measure has the path measured, so that inner packets of this many bytes may use it, and
// again from time to time. 0 ends that. A peer that answers no loads is asked by pings
// between the addresses of e, if they are valid.
func (p *PathProbe) Measure(now time.Time, inner int, e Echo) {
	moved := p.pings != nil && p.pings.Echo != e
	if p.echo = e; moved {
		p.ask(nil)
	}
	top := 0
	if fit := p.data.Fit(leastLoad); inner > 0 && fit > 0 {
		top = min(mostLoad, inner+leastLoad-fit)
	}
	if p.most > 0 {
		top = min(top, p.most)
	}
	switch {
	case top <= leastLoad:
		p.off()
	case top != p.top || moved:
		p.top, p.known, p.wait = top, PathMeasured{}, 0
		p.begin(now)
	}
}

// Again has the path measured anew, because it may be another one. What was reported holds
// no more: the same is reported again.
func (p *PathProbe) Again(now time.Time) {
	switch {
	case p.top == 0:
		return
	case p.phase == pathHello:
		p.tries = 0 // the question that is due next counts as the first
	default:
		if p.known.Size == 0 {
			p.ask(nil) // it was out of reach, perhaps
		}
		p.begin(now)
	}
	p.known, p.trip = PathMeasured{}, 0
}

func (p *PathProbe) off() {
	p.phase, p.top, p.due, p.known = pathOff, 0, time.Time{}, PathMeasured{}
	p.ask(nil)
	p.data.loads.expects.Store(false)
}

// ask has the peer asked by pings from now on, nil: by loads.
func (p *PathProbe) ask(pings *echoes) {
	p.pings = pings
	p.data.echoes.Store(pings)
}

func (p *PathProbe) begin(now time.Time) {
	p.phase = pathHello
	p.try(now, leastLoad)
}

// try begins to try a size.
func (p *PathProbe) try(at time.Time, size int) {
	p.size, p.tries, p.due, p.alive = size, 0, at, pathAlive{}
	if p.phase != pathSearch {
		p.heard = 0
	}
	if p.pings != nil {
		p.since = p.pings.sequence + 1
	}
	p.data.loads.echo.Store(0)
	p.data.loads.expects.Store(p.pings == nil)
}

// advance takes answers, and gives up what had none.
func (p *PathProbe) advance(now time.Time) {
	switch size, alive := p.answered(); {
	case size:
		p.passed(now)
	case alive && p.alive.asked > 0:
		p.resume()
	}
	if p.due.IsZero() || now.Before(p.due) {
		return
	}
	switch p.phase {
	case pathRest:
		p.look(now)
	case pathHello:
		if p.tries == helloTries || p.tries == sizeTries && p.pings == nil && p.echo.valid() {
			p.unanswered(now)
		}
	case pathConfirm:
		if p.tries == sizeTries {
			p.lost(now)
		}
	case pathSearch:
		p.doubt(now)
	}
}

// doubt decides what a size says that had no answer yet.
func (p *PathProbe) doubt(now time.Time) {
	switch {
	case p.alive.asked == helloTries:
		p.trip = 0
		p.begin(now)
	case p.tries == sizeTries:
		p.lost(now)
	case p.tries == sizeTries-1 && !p.alive.known && !p.alive.asks:
		p.alive.asks = true
		if p.pings != nil {
			p.since = p.pings.sequence + 1
		}
	}
}

// resume goes on with a size when the peer has answered one that passes. If that took more
// than one question, what was lost before says nothing.
func (p *PathProbe) resume() {
	at, out := p.sent.Add(pace), p.alive.asked > 1
	if out {
		p.try(at, p.size)
		return
	}
	p.alive, p.due = pathAlive{known: true}, at
	if p.pings != nil {
		p.since = p.pings.sequence + 1
	}
}

// answered reports whether an answer to the present question has come: of the size that is
// tried, or any.
func (p *PathProbe) answered() (size, alive bool) {
	n := int(p.data.loads.echo.Swap(0))
	switch {
	case p.tries == 0:
		return false, false
	case p.pings != nil:
		heard := p.pings.heard(p.since)
		return heard && p.alive.asked == 0, heard
	case n == 0 || n+rounding < p.size || n <= p.heard:
		return false, n > 0
	}
	p.heard = min(n, p.long) // more is a late answer to a larger question
	return true, true
}

// passed goes on after an answer.
func (p *PathProbe) passed(now time.Time) {
	switch {
	case p.phase == pathHello: // an answer to the first, for all that is known
		p.trip = now.Sub(p.first)
	case p.tries == 1:
		p.trip = now.Sub(p.sent)
	}
	next := p.sent.Add(pace)
	switch p.phase {
	case pathHello:
		p.phase, p.lo, p.hi, p.pass, p.full = pathSearch, p.size, p.top, p.long, false
		p.narrowDown(now, next)
	case pathSearch:
		p.lo, p.pass = p.size, p.long
		p.narrowDown(now, next)
	case pathConfirm:
		p.rest(now)
	}
}

// lost goes on after a size that does not pass.
func (p *PathProbe) lost(now time.Time) {
	if p.phase == pathConfirm {
		p.begin(now)
		return
	}
	p.hi = p.size - 1
	p.narrowDown(now, now)
}

func (p *PathProbe) narrowDown(now, next time.Time) {
	if p.lo < p.hi {
		p.try(next, p.choose())
		return
	}
	found := PathMeasured{p.pass, p.top}
	if p.lo == p.top {
		found.Size = p.top
	}
	p.narrow = p.lo < p.top && found == p.known
	p.report(found)
	p.whole = now.Add(raiseEvery)
	if p.lo < p.top && !p.narrow { // a short outage may have looked like it
		p.whole = now.Add(checkAfter)
	}
	p.rest(now)
}

// choose returns the size to try between lo and hi: what the system believes to pass, and
// whether a byte more does; all of it, since most paths carry that; the middle.
func (p *PathProbe) choose() int {
	believed := 0
	if p.Believes != nil {
		believed = p.Believes()
	}
	size := (p.lo + p.hi + 1) / 2
	switch {
	case p.lo < believed && believed <= p.hi:
		size = believed
	case p.lo == believed:
		size = p.lo + 1
	case p.hi == p.top && !p.full:
		size = p.hi
	}
	p.full = p.full || size == p.top
	return size
}

// unanswered leaves a peer alone that does not answer. It is asked again, more and more
// seldom if it never did, for it may have been out of reach, or have run a program at its
// start.
func (p *PathProbe) unanswered(now time.Time) {
	if p.known.Size == 0 && p.pings == nil && p.echo.valid() {
		p.ask(newEchoes(p.echo))
		p.begin(now)
		return
	}
	wait := checkAfter
	if p.known.Size == 0 {
		p.ask(nil)
		p.report(PathMeasured{0, p.top})
		p.wait = min(max(2*p.wait, checkAfter), raiseEvery)
		wait = p.wait
	}
	p.whole = now.Add(wait)
	p.rest(now)
}

func (p *PathProbe) report(found PathMeasured) {
	if found != p.known {
		p.known = found
		p.news.emit(found)
	}
}

func (p *PathProbe) rest(now time.Time) {
	p.phase, p.tries = pathRest, 0
	p.data.loads.expects.Store(false)
	p.used, _ = p.data.traffic()
	p.due = now.Add(confirmEvery)
	if p.whole.Before(p.due) {
		p.due = p.whole
	}
}

// look decides what to do after a rest.
func (p *PathProbe) look(now time.Time) {
	used, _ := p.data.traffic()
	switch {
	case used == p.used && (p.pings != nil || p.known.Size == 0): // a peer takes pings for use, and counts them (`inactive`)
		p.due = now.Add(confirmEvery)
	case !now.Before(p.whole):
		p.begin(now)
	case used != p.used && p.known.Size > 0:
		p.phase = pathConfirm
		p.try(now, p.known.Size)
	default:
		p.rest(now)
	}
}

// Output is like Session.Output for packets of known size, answers to the peer's questions
// and questions of this end: emit is to send them so that nobody on the way cuts them.
func (p *PathProbe) Output(now time.Time, emit func(packet []byte)) {
	if p.news.err == nil && p.data.Fit(leastLoad) > 0 {
		p.messages.output(now, emit)
		p.output(now, emit)
	}
}

// output sends the question that is due.
func (p *PathProbe) output(now time.Time, emit func([]byte)) {
	if p.phase == pathOff || p.phase == pathRest || now.Before(p.due) {
		return
	}
	p.sent = now
	if p.alive.asks {
		p.question(now, p.lo, emit)
		p.due = now.Add(min(p.patience()<<p.alive.asked, 2*mostTime))
		p.alive.asked++
		return
	}
	if long := p.question(now, p.size, emit); long > 0 {
		p.long = long
	}
	if p.tries++; p.tries == 1 {
		p.first = now
	}
	p.due = now.Add(p.patience())
	if p.tries > 1 {
		p.due = now.Add(2 * p.patience())
	}
}

// question sends a question, itself of a size, for an answer of that size, and returns how
// long it was in fact; 0: it was not sent.
func (p *PathProbe) question(now time.Time, size int, emit func([]byte)) (long int) {
	if p.pings != nil {
		return p.pings.ask(now, p.data, size, emit)
	}
	return p.messages.send(now, binary.BigEndian.AppendUint16([]byte{occAskLoad}, uint16(size)), size, emit)
}

// patience is how long an answer to a first question is waited for.
func (p *PathProbe) patience() time.Duration {
	if p.trip > 0 {
		return min(max(p.trip*3/2+leastTime/2, leastTime), mostTime)
	}
	return helloTime
}
