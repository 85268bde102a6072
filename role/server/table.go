package server

import (
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaissmai/bart"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/session"
	"culvert/session/wire"
)

// table finds clients: for every packet, without a lock, by peer-id and by inner
// address; for peers without peer-id by outer address; for control packets by outer
// address and session id, so that a session id is of no use to somebody who reads it
// on its way and sends it from elsewhere.
type table struct {
	byPeerID atomic.Pointer[[]atomic.Pointer[client]] // replaced by a longer one; entries change under mu
	routes   atomic.Pointer[bart.Table[*client]]

	mu        sync.RWMutex
	byAddr    map[outer]*client // of UDP
	bySession map[sessionKey]*client
	byName    map[string]*client
	coming    map[string]*client // that are being let in, by name, if only one may have it
	freeIDs   []wire.PeerID
	most      int     // clients that may be in (max-clients), at most len(byPeerID)
	strangers waiting // clients that have not said who they are
	pending   waiting // clients that have, and wait to be let in

	sessions int           // that were added, and are not over
	closed   bool          // nobody is added any more
	empty    chan struct{} // closed once the table is, and all sessions are over
}

// outer is an outer address as one socket sees it: behind NAT, two clients of two
// sockets may have the same.
type outer struct {
	link link.Link
	addr netip.AddrPort
}

// sessionKey is a client's session id and its outer address.
type sessionKey struct {
	outer
	id wire.SessionID
}

func newTable(maxClients int) *table {
	t := &table{
		byAddr:    make(map[outer]*client),
		bySession: make(map[sessionKey]*client),
		byName:    make(map[string]*client),
		coming:    make(map[string]*client),
		empty:     make(chan struct{}),
	}
	t.routes.Store(new(bart.Table[*client]))
	t.byPeerID.Store(new([]atomic.Pointer[client]))
	t.limit(maxClients)
	return t
}

// limit sets how many clients may be in (max-clients). Where more are, they stay.
func (t *table) limit(maxClients int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.most = maxClients
	before := *t.byPeerID.Load()
	if maxClients <= len(before) {
		return
	}
	now := make([]atomic.Pointer[client], maxClients)
	for id := range before {
		now[id].Store(before[id].Load())
	}
	var added []wire.PeerID
	for id := maxClients - 1; id >= len(before); id-- {
		added = append(added, wire.PeerID(id))
	}
	t.freeIDs = append(added, t.freeIDs...)
	t.byPeerID.Store(&now)
}

// room returns how many sessions there is room for: handshakes besides the clients that
// may be in, or were allowed to be before the limit was lowered.
func (t *table) room() int { return 2*len(*t.byPeerID.Load()) + 64 }

// peerID finds a client by the peer-id of a packet.
func (t *table) peerID(id wire.PeerID) *client {
	all := *t.byPeerID.Load()
	if int(id) >= len(all) {
		return nil
	}
	return all[id].Load()
}

// addr finds a client by the outer address it sends from.
func (t *table) addr(a outer) *client {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byAddr[a]
}

// session finds a client by where it is and the session id it chose.
func (t *table) session(id sessionKey) *client {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.bySession[id]
}

// route finds the client an inner address belongs to.
func (t *table) route(a netip.Addr) *client {
	c, _ := t.routes.Load().Lookup(a)
	return c
}

// all returns every client, those in their handshake included.
func (t *table) all() []*client {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]*client, 0, len(t.bySession))
	for _, c := range t.bySession {
		all = append(all, c)
	}
	return all
}

// add enters a client whose handshake begins. When limit sessions are known
// already, it takes the place of one that has not got in, so that senders who
// stall keep nobody out; ok is false when there is none, and after close. For each
// client that was added, over has to be called.
func (t *table) add(c *client, limit int) (displaced *client, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, false
	}
	from := session.Source(c.Path().Remote.Addr())
	if len(t.bySession) >= limit {
		if displaced = t.longestWaiting(from); displaced == nil {
			return nil, false
		}
		displaced.displaced.Store(true)
		t.forget(displaced)
	}
	t.bySession[c.session()] = c
	t.strangers.add(c, from)
	c.counted = true
	t.sessions++
	return displaced, true
}

// over notes that a client's session is over, and that all is done that follows
// from it. For one that was not added it does nothing.
func (t *table) over(c *client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !c.counted {
		return
	}
	c.counted = false
	t.sessions--
	t.checkEmpty()
}

// close lets nobody in any more. The channel is closed once all sessions are over,
// also those that are in no table any longer.
func (t *table) close() (empty <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		t.checkEmpty()
	}
	return t.empty
}

// endTime bounds how long the server waits for its clients' control goroutines.
const endTime = 5 * time.Second

// end ends what sessions there are, and waits until each is reported (Ended), so that no
// event comes after Run.
func (t *table) end(log *slog.Logger) {
	empty := t.close()
	for _, c := range t.all() {
		c.Stop()
	}
	select {
	case <-empty:
	case <-time.After(endTime):
		log.Warn("some clients' sessions could not be ended in time", "clients", len(t.all()), "limit", endTime)
	}
}

// checkEmpty closes empty at the last session after close. The caller holds mu.
func (t *table) checkEmpty() {
	if t.closed && t.sessions == 0 {
		close(t.empty)
	}
}

// longestWaiting returns the client that makes room for a newcomer from a source: a
// stranger if there is one. The caller holds mu.
func (t *table) longestWaiting(from netip.Prefix) *client {
	if c := t.strangers.longest(from); c != nil {
		return c
	}
	return t.pending.longest(from)
}

// greeted notes that a client has said who it is.
func (t *table) greeted(c *client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from := c.place.from; c.place.in != nil {
		c.stopWaiting()
		t.pending.add(c, from)
	}
}

// keep notes that a client gets in: from now on nobody may take its place. It returns
// false if its place was taken before.
func (t *table) keep(c *client) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.stopWaiting()
	return !c.gone
}

// takeID gives a client a peer-id; ok is false when as many are taken as may be.
func (t *table) takeID() (id wire.PeerID, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(*t.byPeerID.Load())-len(t.freeIDs) >= t.most {
		return 0, false
	}
	id = t.freeIDs[len(t.freeIDs)-1]
	t.freeIDs = t.freeIDs[:len(t.freeIDs)-1]
	return id, true
}

// giveBackID gives back the peer-id of a client that was not let in after all.
func (t *table) giveBackID(id wire.PeerID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.freeIDs = append(t.freeIDs, id)
}

// established returns every client that is in.
func (t *table) established() []*client {
	var in []*client
	all := *t.byPeerID.Load()
	for i := range all {
		if c := all[i].Load(); c != nil {
			in = append(in, c)
		}
	}
	return in
}

// named finds the established client of a name.
func (t *table) named(name string) *client {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byName[name]
}

// comes notes that a client with a name of its own is being let in, and returns another
// one that was.
func (t *table) comes(c *client) (before *client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if other := t.coming[c.name]; other != c {
		before = other
	}
	if !c.gone {
		t.coming[c.name] = c
	}
	return before
}

// owner returns the client that exactly this address or network leads to, nil for none.
func (t *table) owner(p netip.Prefix) *client {
	c, _ := t.routes.Load().Get(p)
	return c
}

// establish enters what data packets need. It returns the clients whose place this one
// takes: one of the same name, if names are unique, and one that had the same outer
// address.
func (t *table) establish(c *client, unique bool) (before []*client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := c.name
	c.shown.Store(&name)
	(*t.byPeerID.Load())[c.id].Store(c)
	routes := t.routes.Load()
	for _, l := range c.learnt {
		routes = routes.InsertPersist(l.prefix, c)
	}
	t.routes.Store(routes)
	if other := t.byAddr[c.outer()]; other != nil && other != c {
		before = append(before, other)
	}
	t.byAddr[c.outer()] = c
	if other := t.byName[c.name]; unique && other != nil && other != c {
		before = append(before, other)
	}
	t.byName[c.name] = c
	if t.coming[c.name] == c {
		delete(t.coming, c.name)
	}
	return before
}

// move enters a client's new outer address, and sends its packets there from now on.
// It does nothing for a client that is gone. It returns false if another client has
// the address.
func (t *table) move(c *client, path buf.Path) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bySession[c.session()] != c {
		return true
	}
	was, is := c.outer(), outer{c.Link(), path.Remote}
	if other := t.byAddr[is]; other != nil && other != c {
		return false
	}
	if t.byAddr[was] == c {
		delete(t.byAddr, was)
	}
	delete(t.bySession, c.session())
	c.SetPath(path)
	t.byAddr[is] = c
	t.bySession[c.session()] = c
	return true
}

// remove takes a client out of every table that it is in. A second time it does
// nothing.
func (t *table) remove(c *client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.gone {
		return
	}
	t.forget(c)
	if t.byAddr[c.outer()] == c {
		delete(t.byAddr, c.outer())
	}
	if t.byName[c.name] == c {
		delete(t.byName, c.name)
	}
	if t.coming[c.name] == c {
		delete(t.coming, c.name)
	}
	if c.lease == nil {
		return
	}
	t.freeIDs = append(t.freeIDs, c.id)
	(*t.byPeerID.Load())[c.id].CompareAndSwap(c, nil)
	routes := t.routes.Load()
	for _, l := range c.learnt {
		owner, _ := routes.Get(l.prefix)
		switch {
		case owner == c:
			routes = routes.DeletePersist(l.prefix)
		case c.up || l.change == AddressUpdated:
			continue // it leads to another client
		}
		c.left = append(c.left, l.prefix)
	}
	t.routes.Store(routes)
}

// forget takes a client out of where control packets find it. The caller holds
// mu.
func (t *table) forget(c *client) {
	c.gone = true
	c.stopWaiting()
	if t.bySession[c.session()] == c {
		delete(t.bySession, c.session())
	}
}
