package userstack

import (
	"net/netip"
	"sync"
)

// budget bounds how many bytes connections may take, those of one client and all
// together. Reserved memory counts as taken, because a program that stops reading
// fills it.
type budget struct {
	perClient, limit int64

	mu     sync.Mutex
	client map[netip.Addr]int64
	total  int64
}

func newBudget(perClient, limit int64) *budget {
	return &budget{perClient: perClient, limit: limit, client: make(map[netip.Addr]int64)}
}

// take reports whether a client may have n bytes more, and counts them as taken.
func (b *budget) take(client netip.Addr, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.takeWithin(client, n, b.perClient, b.limit)
}

// grow is take for bytes that a connection can do without: it leaves a quarter to
// connections still to come.
func (b *budget) grow(client netip.Addr, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.takeWithin(client, n, b.perClient/4*3, b.limit/4*3)
}

func (b *budget) takeWithin(client netip.Addr, n, perClient, limit int64) bool {
	if b.client[client]+n > perClient || b.total+n > limit {
		return false
	}
	b.client[client] += n
	b.total += n
	return true
}

// give returns n bytes of a client to the budget.
func (b *budget) give(client netip.Addr, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total -= n
	if b.client[client] -= n; b.client[client] == 0 {
		delete(b.client, client)
	}
}

// account holds what one connection took from a budget.
type account struct {
	budget *budget
	client netip.Addr

	mu     sync.Mutex
	taken  int64
	closed bool
}

// openAccount takes the n bytes that a connection needs. It returns nil if the
// client may not have them.
func openAccount(b *budget, client netip.Addr, n int64) *account {
	if !b.take(client, n) {
		return nil
	}
	return &account{budget: b, client: client, taken: n}
}

// grow reports whether the connection may have n bytes more.
func (a *account) grow(n int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || !a.budget.grow(a.client, n) {
		return false
	}
	a.taken += n
	return true
}

// close returns all that was taken. It may be called more than once.
func (a *account) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		a.budget.give(a.client, a.taken)
	}
}
