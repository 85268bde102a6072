package userstack

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
)

type verdict int

const (
	admitted verdict = iota
	underWay         // the same connection is being opened
	tooFast          // its client opens them faster than it may
	tooMany          // its client, or all together, have too many or too much memory
)

// connection is one TCP connection of a client, from its SYN on.
type connection struct {
	flow
	seq     uint32          // of its SYN
	opening context.Context // ends when the attempt is displaced
	cancel  context.CancelFunc
	account *account
	abort   func()        // of an open one
	place   *list.Element // in one of its client's lists, nil in none
}

// admission bounds TCP connections, each client's apart from the others'.
type admission struct {
	halfPerClient, perClient, limit int
	pace                            *pace
	budget                          *budget

	mu      sync.Mutex
	pending map[flow]*connection // being opened, displaced ones included
	client  map[netip.Addr]*tally
	total   int // being opened and open
}

// tally is one client's connections. Each list has in front what is displaced
// first: the attempts that were asked for longest ago, and the open connections
// that have been half-closed longest. An old attempt is one that its program has
// given up, since a waiting program repeats its SYN.
type tally struct {
	total            int
	half, halfClosed list.List
}

func newAdmission(halfPerClient, perClient, limit int, p *pace, b *budget) *admission {
	return &admission{
		halfPerClient: halfPerClient, perClient: perClient, limit: limit, pace: p, budget: b,
		pending: make(map[flow]*connection), client: make(map[netip.Addr]*tally),
	}
}

// begin counts a connection as half-open, if admitted. It makes room by
// displacing an attempt or a half-closed connection of the same client.
func (a *admission) begin(ctx context.Context, fl flow, seq uint32) verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.pending[fl]; c != nil {
		if c.place != nil {
			a.tally(fl).half.MoveToBack(c.place)
		}
		return underWay
	}
	if !a.pace.allow(fl.src.Addr()) {
		return tooFast
	}
	t := a.tally(fl)
	defer a.forget(fl, t)
	if (t.total >= a.perClient || a.total >= a.limit) && !t.endHalfClosed() {
		return tooMany
	}
	account := a.open(t, fl)
	if account == nil {
		return tooMany
	}
	if t.half.Len() >= a.halfPerClient {
		t.displace()
	}
	c := &connection{flow: fl, seq: seq, account: account}
	c.opening, c.cancel = context.WithCancel(ctx)
	c.place = t.half.PushBack(c)
	a.pending[fl] = c
	t.total++
	a.total++
	return admitted
}

func (a *admission) tally(fl flow) *tally {
	t := a.client[fl.src.Addr()]
	if t == nil {
		t = new(tally)
		a.client[fl.src.Addr()] = t
	}
	return t
}

// open takes what a connection costs from the budget. If need be it ends a
// half-closed one.
func (a *admission) open(t *tally, fl flow) *account {
	account := openAccount(a.budget, fl.src.Addr(), connCost)
	if account == nil && t.endHalfClosed() {
		account = openAccount(a.budget, fl.src.Addr(), connCost)
	}
	return account
}

// displace ends the attempt that was asked for longest ago.
func (t *tally) displace() {
	c := t.half.Remove(t.half.Front()).(*connection)
	c.place = nil
	c.cancel()
}

// endHalfClosed ends the connection that has been half-closed longest, if there
// is one.
func (t *tally) endHalfClosed() bool {
	if t.halfClosed.Len() == 0 {
		return false
	}
	c := t.halfClosed.Remove(t.halfClosed.Front()).(*connection)
	c.place = nil
	c.account.close()
	go c.abort() // not from inside the stack
	return true
}

// attempt returns the connection that is being opened as fl.
func (a *admission) attempt(fl flow) *connection {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pending[fl]
}

// opened moves a connection from half-open to open.
func (a *admission) opened(c *connection, abort func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.pending, c.flow)
	a.unlist(c)
	c.abort = abort
}

// halfClosed marks an open connection as one that others may displace.
func (a *admission) halfClosed(c *connection) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.place == nil {
		c.place = a.tally(c.flow).halfClosed.PushBack(c)
	}
}

// ended forgets a connection, whether it was opened or not. The account of an open
// one is closed with its endpoint (conn.Close).
func (a *admission) ended(c *connection) {
	c.cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.abort == nil {
		c.account.close()
	}
	if a.pending[c.flow] == c {
		delete(a.pending, c.flow)
	}
	a.unlist(c)
	t := a.tally(c.flow)
	t.total--
	a.total--
	a.forget(c.flow, t)
}

// unlist takes a connection out of the list it is in.
func (a *admission) unlist(c *connection) {
	if c.place != nil {
		t := a.tally(c.flow)
		t.half.Remove(c.place)
		t.halfClosed.Remove(c.place)
		c.place = nil
	}
}

// forget drops the tally of a client without connections.
func (a *admission) forget(fl flow, t *tally) {
	if t.total == 0 {
		delete(a.client, fl.src.Addr())
	}
}

// count returns how many connections are open.
func (a *admission) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total - len(a.pending)
}
