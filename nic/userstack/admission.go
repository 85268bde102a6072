package userstack

import (
	"net/netip"
	"sync"
)

type verdict int

const (
	admitted verdict = iota
	underWay         // the same connection is being opened
	tooFast          // its client has too many half-open
	tooMany          // its client, or all together, have too many
)

// admission bounds TCP connections, each client's apart from the others'.
type admission struct {
	halfPerClient, perClient, limit int

	mu     sync.Mutex
	half   map[flow]uint32 // half-open, with the sequence number of their SYN
	client map[netip.Addr]*tally
	total  int // half-open and open
}

// tally counts one client's connections; half is part of total.
type tally struct{ half, total int }

func newAdmission(halfPerClient, perClient, limit int) *admission {
	return &admission{
		halfPerClient: halfPerClient, perClient: perClient, limit: limit,
		half: make(map[flow]uint32), client: make(map[netip.Addr]*tally),
	}
}

// begin counts a connection as half-open, if admitted.
func (a *admission) begin(fl flow, seq uint32) verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.half[fl]; ok {
		return underWay
	}
	t := a.client[fl.src.Addr()]
	if t == nil {
		t = new(tally)
	}
	switch {
	case t.half >= a.halfPerClient:
		return tooFast
	case t.total >= a.perClient || a.total >= a.limit:
		return tooMany
	}
	a.half[fl] = seq
	a.client[fl.src.Addr()] = t
	t.half++
	t.total++
	a.total++
	return admitted
}

// syn is the sequence number of a half-open connection's SYN.
func (a *admission) syn(fl flow) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.half[fl]
}

// opened moves a connection from half-open to open.
func (a *admission) opened(fl flow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.half, fl)
	a.client[fl.src.Addr()].half--
}

// closed forgets an open connection.
func (a *admission) closed(fl flow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	t := a.client[fl.src.Addr()]
	if t.total--; t.total == 0 {
		delete(a.client, fl.src.Addr())
	}
}

// failed forgets a half-open connection.
func (a *admission) failed(fl flow) {
	a.opened(fl)
	a.closed(fl)
}

func (a *admission) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total - len(a.half)
}
