package client

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"culvert/config"
	"culvert/role/event"
	"culvert/role/profile/reach"
	"culvert/session"
)

// A move is make before break: another session comes up beside the present one, on a
// socket of its own, and packets change over to it once its push is settled. If it does
// not come up, the present one goes on as if nothing had been.

const (
	// moveTime is the longest that a move may take.
	moveTime = 20 * time.Second
	// hastyTime is the same where the present server has failed and another one may be tried.
	hastyTime = 5 * time.Second
	// settleTime is how long this host's new way to the present server is given before the
	// client goes to another one by itself.
	settleTime = 2 * time.Second
	// rescueTime is how long a move is waited for when the present connection is lost.
	rescueTime = 5 * time.Second
)

// Why a move ends without another connection.
var (
	errAsks       = errors.New("it would need a login that only the user can give: `culvert disconnect` and connecting anew asks for it")
	errSuperseded = errors.New("another move was asked for meanwhile")
	errElsewhere  = errors.New("another server was asked for")
	errEnded      = errors.New("the present connection ended first")
	errOver       = errors.New("the client has ended, or is about to")
)

// wish is to move to a remote.
type wish struct {
	remote config.Remote  // the zero value: the present one
	addr   netip.AddrPort // at this address, if it is valid
	target *reach.Target  // what remote and addr are; nil: not known yet
	why    string
	roams  bool         // the same server, because the way there has changed
	itself bool         // the client's own, not the user's
	hasty  bool         // the present server has failed
	quiet  bool         // reported before
	result chan<- error // gets one; its capacity is 1; nil: nobody waits
}

func (w wish) answer(err error) {
	if w.result != nil {
		w.result <- err
	}
}

// mover takes a client to another connection while the present one goes on. It belongs to
// Run, except wishes.
type mover struct {
	wishes  chan wish // capacity 1
	asking  sync.Mutex
	over    bool  // nobody takes wishes any more; with asking
	now     *move // under way; nil: none
	past    past  // what was left
	roaming roaming
}

func newMover() mover {
	return mover{wishes: make(chan wish, 1), past: past{ends: make(chan struct{}, 1)}}
}

// errBusy says that a wish waits already.
var errBusy = errors.New("another move was asked for just now: wait for its end")

// ask leaves a wish, and returns a channel that gets its result. Any goroutine may call it.
func (m *mover) ask(w wish) <-chan error {
	result := make(chan error, 1)
	w.result = result
	m.asking.Lock()
	defer m.asking.Unlock()
	if m.over {
		result <- errOver
		return result
	}
	select {
	case m.wishes <- w:
	default:
		result <- errBusy
	}
	return result
}

// end answers the wish that waits, and all that follow: there is no connection any more.
func (m *mover) end() {
	m.asking.Lock()
	defer m.asking.Unlock()
	m.over = true
	select {
	case w := <-m.wishes:
		w.answer(errOver)
	default:
	}
}

// move is one under way.
type move struct {
	wish
	target   reach.Target
	cancel   context.CancelCauseFunc
	done     chan outcome // capacity 1
	answered *atomic.Bool // by the server
}

type outcome struct {
	next  *attempt
	found *reach.Target // where the move is to go, which is to begin; next and err are nil
	err   error
}

// reported is where it was to go, or while that is not known, the present server.
func (m *move) reported(a *attempt) event.Remote {
	if m.target.Addr.IsValid() {
		return m.target.Reported()
	}
	return a.target.Reported()
}

// outcome receives how the move under way ended.
func (m *mover) outcome() <-chan outcome {
	if m.now == nil {
		return nil
	}
	return m.now.done
}

// servers are those that are to be reached past the tunnel for a move, besides the present
// one.
func (m *mover) servers() (list []netip.Addr) {
	list = m.past.servers()
	if m.now != nil && m.now.target.Addr.IsValid() {
		list = append(list, m.now.target.Near().Addr())
	}
	return list
}

// grant begins a move that was asked for. The error ends the present connection, which is
// not up.
func grant(ctx context.Context, a *attempt, w wish) error {
	if !a.up {
		tryNext(a.Client, w)
		return errElsewhere
	}
	m := &a.mover
	if w.itself && (m.now != nil && !m.now.itself && !m.now.roams || m.roaming.tick != nil && time.Since(m.roaming.since) < settleTime) {
		w.answer(errBusy)
		return nil
	}
	m.stop(errSuperseded)
	if w.remote.Host != "" && w.target == nil {
		find(ctx, a, w)
		return nil
	}
	tryTo(ctx, a, w)
	return nil
}

// find asks for the address of a wish's remote while everything goes on. The outcome of the
// move under way is what was found.
func find(ctx context.Context, a *attempt, w wish) {
	lookup := reach.Lookup(a.remotes, w.remote, w.addr)
	finding, cancel := context.WithCancelCause(ctx)
	mv := &move{wish: w, cancel: cancel, done: make(chan outcome, 1), answered: new(atomic.Bool)}
	a.mover.now = mv
	go func() {
		defer cancel(nil)
		t, err := lookup(finding)
		if err != nil {
			mv.done <- outcome{err: err}
			return
		}
		mv.done <- outcome{found: &t}
	}()
}

// tryTo begins a move, and says so where that fails.
func tryTo(ctx context.Context, a *attempt, w wish) {
	if err := begin(ctx, a, w); err != nil {
		w.answer(err)
		a.emit(event.Stayed{Remote: a.target.Reported(), Err: err})
	}
}

// tryNext makes a remote the one that is tried next, where there is no connection to leave.
func tryNext(c *Client, w wish) {
	if w.remote.Host != "" {
		reach.Use(c.remotes, w.remote)
		c.best.giveWay(!w.itself)
	}
	w.answer(nil)
}

// begin begins a move.
func begin(ctx context.Context, a *attempt, w wish) error {
	to := destination(a, w)
	logins, err := a.login.unasked(to.target)
	if err != nil {
		return err
	}
	m := &a.mover
	moving, cancel := context.WithCancelCause(ctx)
	mv := &move{wish: w, target: to.target, cancel: cancel, done: make(chan outcome, 1), answered: new(atomic.Bool)}
	m.now = mv
	if err := a.keepReachable(ctx, apart(a.Client)...); err != nil {
		m.now = nil
		cancel(err)
		return err
	}
	if !w.quiet {
		a.emit(event.Moving{Remote: to.target.Reported(), Why: w.why})
	}
	dialer := a.dialer // asks nobody
	dialer.Ask, dialer.Asker = nil, nil
	c := a.Client
	go func() {
		limit := moveTime
		if w.hasty {
			limit = hastyTime
		}
		next, err := bring(ctx, moving, c, to, logins, dialer, mv.answered, limit)
		mv.done <- outcome{next: next, err: err}
	}()
	return nil
}

// moved takes the outcome of a move: the connection to go on with, or nil where that is a.
// An error ends a.
func (m *mover) moved(ctx context.Context, a *attempt, o outcome) (next *attempt, err error) {
	done := m.now
	m.now = nil
	if o.found != nil {
		done.wish.target = o.found
		tryTo(ctx, a, done.wish)
		return nil, nil
	}
	if o.err == nil {
		// Nothing comes any more by a TCP connection from the way of before.
		dead := done.roams && a.target.Remote.Proto.TCP
		var left *former
		if left, o.err = takeOver(ctx, o.next, a, !dead); o.err == nil {
			m.leave(ctx, a, left, dead)
			done.answer(nil)
			return o.next, nil
		}
		o.next.close()
		err = a.settle(ctx, a.options, a.settled)
	}
	done.answer(o.err)
	if !done.roams || m.roaming.failed(o.err) {
		a.emit(event.Stayed{Remote: done.reported(a), Err: o.err})
	}
	m.tidy(ctx, a)
	return nil, err
}

// rescue returns the connection that takes the place of a, which err ended during a move;
// nil for none.
func (m *mover) rescue(ctx context.Context, a *attempt, err error) *attempt {
	if m.now == nil || !a.up || !errors.As(err, new(*lostError)) {
		return nil
	}
	patience := time.NewTimer(rescueTime)
	defer patience.Stop()
	select {
	case o := <-m.now.done:
		done := m.now
		m.now = nil
		if o.found != nil {
			tryNext(a.Client, done.wish)
			return nil
		}
		if o.err == nil {
			if _, o.err = takeOver(ctx, o.next, a, false); o.err == nil {
				a.close()
				m.past.leaving = nil
				note(m.past.ends)
				done.answer(nil)
				return o.next
			}
			o.next.close()
		}
		done.answer(o.err)
	case <-patience.C:
	case <-ctx.Done():
	}
	return nil
}

// final reports whether a handshake failed for a reason that another one would meet, too.
func final(err error) bool {
	var refused *session.AuthFailedError
	var handshake *session.HandshakeError
	return errors.As(err, &refused) && !refused.Temporary || errors.As(err, &handshake) && handshake.Permanent() || errors.Is(err, errAsks)
}

// takeOver goes on with another connection than a, which is left as it is. It may be kept
// for what is open from its addresses. What was left before stays if that fails.
func takeOver(ctx context.Context, b, a *attempt, keep bool) (left *former, err error) {
	m := &b.mover
	past := m.past
	left = newFormer(a, keep)
	if m.roaming.tick != nil {
		left.ask() // it may not have heard of this host yet
	}
	m.past.leave(left)
	b.base = b.choice.Of(b.target.Remote).Config // which may have been adopted meanwhile
	reach.At(b.remotes, b.target)
	b.uplink.to(b.target.Near().Addr())
	before := b.state.Addresses
	for _, e := range b.held {
		if err := b.event(ctx, e); err != nil {
			m.past = past
			reach.At(b.remotes, a.target)
			b.uplink.to(a.target.Near().Addr())
			return nil, err
		}
	}
	b.held = nil
	strand(b, before, b.state.Addresses)
	m.roaming.end(a, errAnswered)
	return left, nil
}

// stop ends a move that is under way, and waits for that.
func (m *mover) stop(why error) {
	if m.now == nil {
		return
	}
	m.now.cancel(why)
	if o := <-m.now.done; o.next != nil {
		o.next.close()
	}
	m.now.answer(why)
	m.now = nil
}

// abandon is called when the present connection is over: no move goes on. What is kept for
// connections of programs stays.
func (m *mover) abandon() {
	if m.roaming.tick != nil {
		m.roaming.tick.Stop()
		m.roaming = roaming{}
	}
	m.stop(errEnded)
}
