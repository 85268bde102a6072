package session

import "sync/atomic"

// Answers are how the peer answers questions that show whether packets come back
// (Session.Ping). Its methods may be called from any goroutine.
type Answers struct {
	last     atomic.Int64           // when one came last, since the session began
	messages atomic.Bool            // one came by a message
	pings    atomic.Pointer[echoes] // nil: there are no addresses to ping between
}

// AskBy has questions also go by pings in the tunnel between the addresses of e, if they
// are valid, until a message has been answered: with kernel offload (DCO) nobody at the
// peer reads those.
func (a *Answers) AskBy(e Echo) {
	before := a.pings.Load()
	switch {
	case !e.valid():
		a.pings.Store(nil)
	case before == nil || before.Echo != e:
		a.pings.Store(newEchoes(e))
	}
}

// PingsOnly reports whether the peer has answered pings in the tunnel alone. It takes them
// for use of the tunnel (`inactive`).
func (a *Answers) PingsOnly() bool {
	q := a.pings.Load()
	return q != nil && q.answer.Load() != 0 && !a.messages.Load()
}

// take takes the answer to a ping, and reports whether a packet out of the tunnel is one.
func (a *Answers) take(b []byte, since int64) bool {
	q := a.pings.Load()
	if q == nil || !q.take(b) {
		return false
	}
	a.last.Store(since)
	return true
}

// byMessage takes the answer to a message.
func (a *Answers) byMessage(since int64) {
	a.last.Store(since)
	a.messages.Store(true)
}
