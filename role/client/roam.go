package client

import (
	"context"
	"errors"
	"time"

	"culvert/role/event"
	"culvert/tunnel"
)

// Roaming begins when this host reaches the server by another way, or has slept. The
// server is told at once by packets that only this client can seal, and asked for an
// answer. If none comes, a handshake begins beside that, because the server may have
// forgotten the session, or does not follow it. Whatever works first is gone on with.

const (
	// knockEvery is the time between two packets that ask for an answer.
	knockEvery = 100 * time.Millisecond
	// answerTime is how long the server has to answer before a handshake begins.
	answerTime = 300 * time.Millisecond
	// staleTime is how long packets may still come that were sent before: they waited in the
	// socket of a process that was stopped, or were on their way.
	staleTime = 200 * time.Millisecond
	// resetTime is how long a handshake has to be answered before another one begins: a
	// packet that was sent before the way worked is not sent again any sooner by itself.
	// After manyTries each has twice as long as the one before, up to maxResetTime.
	resetTime, maxResetTime = 500 * time.Millisecond, 4 * time.Second
	manyTries               = 10
	// quietTime is when people are told that nothing comes.
	quietTime = 5 * time.Second
	// slowTime is when the server is asked less often, every slowEvery, and roamTime when it
	// is left to the connection's own timers to notice that it is dead.
	slowTime, slowEvery, roamTime = 20 * time.Second, time.Second, 2 * time.Minute
)

// roaming is the state of that. The zero value is not under way. It belongs to Run.
type roaming struct {
	asking
	why   string
	tick  *time.Ticker // while under way, else nil
	moves bool         // a handshake may begin
	tries int          // handshakes begun
	began time.Time    // the last one
}

// ticks receives when step is due.
func (r *roaming) ticks() <-chan time.Time {
	if r.tick == nil {
		return nil
	}
	return r.tick.C
}

// begin begins anew, for a connection that is up. At once says that it cannot go on, so
// that a handshake is begun now.
func (r *roaming) begin(ctx context.Context, a *attempt, why string, atOnce bool) {
	r.end(a, errRoaming)
	*r = roaming{asking: asking{since: time.Now()}, why: why, tick: time.NewTicker(knockEvery), moves: true}
	a.log.Debug("asking the server for an answer", "why", why)
	if atOnce {
		r.move(ctx, a)
		return
	}
	knock(a.peer)
}

// asking asks a server for an answer, from when this host may reach it by another way.
type asking struct {
	since time.Time
	last  time.Time // it was asked
}

// heard reports whether anything came that was sent since.
func (k *asking) heard(p *tunnel.Peer) bool {
	return p.Data.LastAnswer().After(k.since) || p.Data.LastReceived().After(k.since.Add(staleTime))
}

// again asks if it is time to. It is called every knockEvery.
func (k *asking) again(p *tunnel.Peer, now time.Time) {
	if now.Sub(k.since) < slowTime || now.Sub(k.last) >= slowEvery {
		k.last = now
		knock(p)
	}
}

// knock has the server hear of this client, and answer.
func knock(p *tunnel.Peer) {
	p.Do(func(time.Time) { p.Session.Ping(true) })
}

// step goes on with it.
func (r *roaming) step(ctx context.Context, a *attempt) {
	now := time.Now()
	heard := r.heard(a.peer)
	m := &a.mover
	switch {
	case heard && (m.now == nil || !m.now.roams || !m.now.answered.Load()):
		a.portals.again()
		a.log.Info("the connection goes on", "why", r.why, "after", now.Sub(r.since).Round(time.Millisecond))
		r.end(a, errAnswered)
		a.peer.NewWay()
	case heard: // but the server may have left it already for the one that is coming up
	case now.Sub(r.since) > roamTime:
		r.end(a, errRoaming)
	default:
		r.again(a.peer, now)
		if now.Sub(r.since) > quietTime {
			quiet(ctx, a, now.Sub(r.since))
		}
		patience := min(resetTime<<min(max(r.tries-manyTries, 0), 8), maxResetTime)
		switch {
		case !r.moves || now.Sub(r.since) < answerTime:
		case m.now == nil && (r.tries == 0 || now.Sub(r.began) >= patience):
			r.move(ctx, a)
		case m.now != nil && m.now.roams && !m.now.answered.Load() && now.Sub(r.began) >= patience:
			m.stop(errRoaming)
			r.move(ctx, a)
		}
	}
}

// move begins a handshake with the same server.
func (r *roaming) move(ctx context.Context, a *attempt) {
	if a.mover.now != nil {
		return // to another server, as was asked for
	}
	r.tries++
	r.began = time.Now()
	err := begin(ctx, a, wish{why: r.why, roams: true, quiet: r.tries > 1})
	if errors.Is(err, errAsks) {
		r.moves = false
	}
}

// failed takes the failure of a handshake of roaming, and reports whether it is to be told
// of: for good.
func (r *roaming) failed(err error) bool {
	if final(err) {
		r.moves = false
	}
	return final(err)
}

// end ends it, and a handshake that was begun for it.
func (r *roaming) end(a *attempt, why error) {
	if r.tick == nil {
		return
	}
	r.tick.Stop()
	if m := &a.mover; m.now != nil && m.now.roams {
		m.stop(why)
	}
	*r = roaming{}
}

// Why a handshake of roaming ends.
var (
	errAnswered = errors.New("the present connection works")
	errRoaming  = errors.New("no answer")
)

// woke takes the connection on when this host has slept, or this process was stopped. One
// that is not up yet begins anew.
func woke(ctx context.Context, a *attempt, slept time.Duration) error {
	a.emit(event.Woke{Slept: slept})
	a.mover.past.kept.ask()
	if !a.up {
		return errMoved
	}
	a.mover.roaming.begin(ctx, a, "this host was asleep", false)
	return nil
}
