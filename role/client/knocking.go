package client

import (
	"time"

	"culvert/role/profile/reach/fastest"
	"culvert/session"
	"culvert/tunnel"
)

const (
	// beat is how often the connection is looked at, busyBeat while packets pass, and
	// hurriedBeat while an answer is waited for.
	beat, busyBeat, hurriedBeat = 250 * time.Millisecond, 50 * time.Millisecond, 20 * time.Millisecond
	// busyTime is how long after a packet others may follow.
	busyTime = time.Second
	// knockGap is the time between two questions to the present server.
	knockGap = 2 * time.Second
	// pressGap is the same where there is a doubt, or no answer came; after many questions
	// in vain there is lazyGap between them, and after most knockGap.
	pressGap, lazyGap = 100 * time.Millisecond, 500 * time.Millisecond
	many, most        = 10, 60
	// vain is how many questions a server gets, of those that never had an answer, before it is asked
	// only while the tunnel is used.
	vain = 5
	// silences is how many questions in a row go unanswered before the server has failed.
	silences = 3
	// lonePatience is how long a question is waited for that is to be alone.
	lonePatience = time.Second
	// calmTime is how long there is no false alarm before packets have to be answered
	// sooner again, and unansweredTime how long they need not be at most.
	calmTime, unansweredTime = time.Minute, 2 * time.Second
	// trafficGap is the time between two looks at what the tunnel lost, and trafficLeast how
	// many packets make a figure.
	trafficGap, trafficLeast = 5 * time.Second, 200
)

// pulse is what a session's control side says of its data.
type pulse struct{ received, sent uint64 }

// knocking measures the present connection by questions inside the tunnel, and by what it
// loses.
type knocking struct {
	peer     *tunnel.Peer
	knocked  time.Time     // the last question
	silence  silence       // the questions without an answer
	answers  bool          // this server answers questions
	asks     int           // questions
	used     int64         // bytes that the tunnel had carried at the last one
	lone     bool          // the next question waits longer, so that it is the only one
	patience time.Duration // how long an answer is waited for
	alarm    alarm

	pulse  chan pulse // capacity 1
	looked time.Time
	last   pulse
}

// silence is questions in a row to which there is no answer yet. The zero value is none.
type silence struct {
	first    time.Time
	n        int         // asked
	open     []time.Time // those that may still be answered in time
	late     int         // those that are not
	pressing bool        // the next one need not wait
	doubt    bool        // ... since packets were not answered
	clean    bool        // none of before may be answered now
}

// alarm tells when packets that went out have had no answer for too long. What programs do
// is learned: some send for a time and get nothing back.
type alarm struct {
	since time.Time     // when the first packet was sent that nothing has come after; zero: none
	sent  time.Time     // when the last packet was
	limit time.Duration // that is too long; 0: as long as an answer may take
	set   time.Time     // when limit was
}

func newKnocking() knocking { return knocking{pulse: make(chan pulse, 1)} }

func (k *knocking) reset() { *k = knocking{pulse: k.pulse} }

// beat is the time to the next step.
func (k *knocking) beat() time.Duration {
	switch {
	case k.silence.n > 0:
		return hurriedBeat
	case k.alarm.sent.Sub(k.knocked) > busyBeat && time.Since(k.alarm.sent) < busyTime:
		return busyBeat
	}
	return beat
}

// with calls a function with the choice, if that is still about the present connection.
type with func(func(time.Time, *fastest.Choice))

// step goes on with the present connection, which is a path of the choice. refused says that
// somebody may have refused its packets.
func (k *knocking) step(now time.Time, peer *tunnel.Peer, choice with, present int, refused bool) {
	if k.peer != peer {
		k.reset()
		k.peer, k.alarm = peer, alarm{}
	}
	choice(func(_ time.Time, c *fastest.Choice) { k.patience = c.Patience() })
	k.alarm.look(now, peer.Data.LastSent(), peer.Data.LastReceived())
	k.hear(now, choice, present)
	k.ask(now, choice, refused)
	k.lossOf(now, choice)
}

// ask asks what is due.
func (k *knocking) ask(now time.Time, choice with, refused bool) {
	s := &k.silence
	if s.n == 0 && !refused && k.rests() {
		k.alarm.since = time.Time{} // keepalive has no answer
		return
	}
	since, quiet := k.alarm.rings(now, k.patience)
	switch {
	case !k.answers:
	case quiet && !s.doubt:
		s.pressing, s.doubt = true, true
		choice(func(now time.Time, c *fastest.Choice) { c.Doubt(now, since) })
	case refused && now.Sub(k.knocked) >= k.patience:
		s.pressing = true
	}
	if gap := s.gap(); now.Sub(k.knocked) < gap {
		return
	}
	s.asked(now, now.Sub(k.knocked) >= knockGap)
	k.knocked = now
	k.asks++
	peer := k.peer
	k.used = session.Used(peer.Data)
	peer.Do(func(time.Time) { peer.Session.Ping(true) })
}

// rests reports whether the server is to be left in peace. One that answers pings in the tunnel
// alone takes them for its use, so it is asked only while there is other use.
func (k *knocking) rests() bool {
	data := k.peer.Data
	return (data.Answers.PingsOnly() || !k.answers && k.asks >= vain) && session.Used(data) == k.used
}

// hear takes the answer to the questions that are open, or the lack of one.
func (k *knocking) hear(now time.Time, choice with, present int) {
	s, data := &k.silence, k.peer.Data
	if s.n == 0 {
		return
	}
	if at := data.LastAnswer(); at.After(s.first) {
		k.answered(now, choice, present, at)
		return
	}
	received, patience := data.LastReceived(), k.patience
	heard := received.After(s.first) && now.Sub(received) < patience
	switch {
	case heard && s.late > 0:
		*s, k.lone = silence{}, true
		choice(func(_ time.Time, c *fastest.Choice) { c.Heard() })
		return
	case heard:
		if s.doubt {
			k.alarm.wasFalse(now, k.patience)
		}
		s.pressing, s.doubt = false, false
		patience = max(patience, lonePatience)
	case k.lone && !s.pressing:
		patience = max(patience, lonePatience)
	}
	if waited, late := s.overdue(now, patience); late > 0 {
		k.unanswered(choice, present, waited, heard)
	}
}

// unanswered takes it that a question had no answer for some time; heard says that something
// else came.
func (k *knocking) unanswered(choice with, present int, waited time.Duration, heard bool) {
	s := &k.silence
	if !k.answers { // it never did: nothing is to be learned from its silence
		*s = silence{}
		return
	}
	failed := s.late >= silences
	choice(func(now time.Time, c *fastest.Choice) {
		c.Sample(now, present, waited, true)
		switch {
		case heard:
			c.Alive()
		case failed:
			c.Failed(now)
		}
	})
	s.pressing = true
	if heard {
		*s = silence{}
	}
}

// answered takes an answer that came at a time. Of several questions, nobody knows which it
// is for: the next one is to be alone, until such a one is answered in time.
func (k *knocking) answered(now time.Time, choice with, present int, at time.Time) {
	s := &k.silence
	if s.doubt && s.late < silences {
		k.alarm.wasFalse(now, k.patience)
	}
	delay, sure := at.Sub(s.first), s.n == 1 && s.clean
	k.lone = s.n > 1 || k.lone && delay > k.patience
	*s = silence{}
	k.answers = true
	choice(func(now time.Time, c *fastest.Choice) {
		if sure {
			c.Sample(now, present, delay, false)
			return
		}
		c.Heard()
	})
}

// asked notes a question.
func (s *silence) asked(now time.Time, clean bool) {
	if s.n == 0 {
		s.first, s.clean = now, clean
	}
	s.n++
	s.open = append(s.open, now)
}

// gap is the time to the next question.
func (s *silence) gap() time.Duration {
	switch {
	case !s.pressing:
		return knockGap
	case s.n == 0:
		return 0
	case s.n < many:
		return pressGap
	case s.n < most:
		return lazyGap
	}
	return knockGap
}

// overdue notes the questions whose answers are late now, and returns how many they are, and
// how long the last of them was waited for.
func (s *silence) overdue(now time.Time, patience time.Duration) (waited time.Duration, late int) {
	for late < len(s.open) && now.Sub(s.open[late]) >= patience {
		waited = now.Sub(s.open[late])
		late++
	}
	s.open = s.open[late:]
	s.late += late
	return waited, late
}

// look notes when packets were sent and received last.
func (a *alarm) look(now, sent, received time.Time) {
	a.sent = sent
	switch {
	case sent.After(received) && (a.since.IsZero() || received.After(a.since)):
		a.since = sent
	case !sent.After(received):
		a.since = time.Time{}
	}
	if now.Sub(a.set) >= calmTime {
		a.limit, a.set = a.limit/2, now
	}
}

// rings reports whether nothing has come for too long, and since when.
func (a *alarm) rings(now time.Time, patience time.Duration) (since time.Time, rings bool) {
	return a.since, !a.since.IsZero() && now.Sub(a.since) >= max(patience, a.limit)
}

// wasFalse has it wait longer.
func (a *alarm) wasFalse(now time.Time, patience time.Duration) {
	a.limit, a.set = min(2*max(patience, a.limit), unansweredTime), now
}

// lossOf looks at how many of the peer's packets have not come.
func (k *knocking) lossOf(now time.Time, choice with) {
	if now.Sub(k.looked) < trafficGap {
		return
	}
	select {
	case p := <-k.pulse:
		sent, got := p.sent-min(p.sent, k.last.sent), p.received-min(p.received, k.last.received)
		if k.last.sent > 0 && sent >= trafficLeast && p.received >= k.last.received {
			lost := 1 - float64(min(got, sent))/float64(sent)
			choice(func(now time.Time, c *fastest.Choice) { c.Traffic(now, lost) })
		}
		k.last, k.looked = p, now
		return
	default:
	}
	ask(k.peer, k.pulse)
}

// ask has a session leave a pulse, unless one waits.
func ask(p *tunnel.Peer, to chan<- pulse) {
	p.Do(func(time.Time) {
		received, sent := session.Carried(p.Session)
		select {
		case to <- pulse{received, sent}:
		default:
		}
	})
}
