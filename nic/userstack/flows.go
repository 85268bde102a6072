package userstack

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// udpFlow is one client's exchange with one destination.
type udpFlow struct {
	flow
	active atomic.Int64 // last datagram either way, in nanoseconds of Unix time
	end    func()       // ends the flow; may be called more than once
}

func (u *udpFlow) touch() { u.active.Store(time.Now().UnixNano()) }

// idle returns how long the flow has been silent.
func (u *udpFlow) idle() time.Duration { return time.Duration(time.Now().UnixNano() - u.active.Load()) }

// flowTable bounds UDP flows, each client's apart from the others'.
type flowTable struct {
	perClient, limit int

	mu     sync.Mutex
	client map[netip.Addr]map[*udpFlow]struct{}
	total  int
}

func newFlowTable(perClient, limit int) *flowTable {
	return &flowTable{perClient: perClient, limit: limit, client: make(map[netip.Addr]map[*udpFlow]struct{})}
}

// add enters a flow. It ends another if there is no room.
func (t *flowTable) add(u *udpFlow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	src := u.src.Addr()
	if len(t.client[src]) >= t.perClient {
		t.evict(src)
	} else if t.total >= t.limit {
		t.evict(t.greediest())
	}
	if t.client[src] == nil {
		t.client[src] = make(map[*udpFlow]struct{})
	}
	t.client[src][u] = struct{}{}
	t.total++
}

func (t *flowTable) greediest() netip.Addr {
	var most netip.Addr
	for a, flows := range t.client {
		if len(flows) > len(t.client[most]) {
			most = a
		}
	}
	return most
}

// evict ends the flow of a client that has been idle longest.
func (t *flowTable) evict(client netip.Addr) {
	var idlest *udpFlow
	for u := range t.client[client] {
		if idlest == nil || u.active.Load() < idlest.active.Load() {
			idlest = u
		}
	}
	if idlest != nil {
		t.forget(idlest)
		idlest.end()
	}
}

// remove forgets a flow that ended.
func (t *flowTable) remove(u *udpFlow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(u)
}

func (t *flowTable) forget(u *udpFlow) {
	flows := t.client[u.src.Addr()]
	if _, ok := flows[u]; !ok {
		return
	}
	delete(flows, u)
	if len(flows) == 0 {
		delete(t.client, u.src.Addr())
	}
	t.total--
}

func (t *flowTable) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}
