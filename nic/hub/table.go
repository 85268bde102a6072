package hub

import (
	"container/list"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"culvert/nic/frame"
)

// Limits bound a Table. Zero values take the defaults.
type Limits[P comparable] struct {
	// Total is how many addresses there may be in all, PerPort behind one
	// port.
	Total, PerPort int
	// PortLimit, where given, is PerPort for single ports, such as one that a
	// whole LAN is behind; 0 leaves a port at PerPort.
	PortLimit func(port P) int
	// Age is how long an address is believed after its last frame.
	Age time.Duration
	// Hold is how long a port must have been silent with an address before
	// another port can have it. It keeps an address that is in use from being
	// taken, and cuts a frame that comes back by a loop.
	Hold time.Duration
}

// The defaults. The age is that of IEEE 802.1Q, table 8-6; 256 addresses behind
// one port is what OpenVPN's manual gives for max-routes-per-client.
const (
	DefaultTotal   = 1 << 16
	DefaultPerPort = 256
	DefaultAge     = 5 * time.Minute
	DefaultHold    = 2 * time.Second
)

// refresh is how stale the note of an address's last frame may be: a station
// that sends all the time is noted this often, not with every frame.
const refresh = 250 * time.Millisecond

// Outcome is what Learn made of a frame's source.
type Outcome int

// Outcomes.
const (
	Known Outcome = iota // behind this port already
	New                  // seen for the first time
	Moved                // was behind another port
	Held                 // another port's, and in use there or pinned: drop the frame
	Full                 // no room, since every port has one address only
)

// Table is a forwarding database: which port a station of a VLAN is behind. It
// is bounded: a port that shows more addresses than it may, or that one more
// would be too many for, loses its own oldest. Only a port that has none takes
// room from another, the one with the most. No port loses its last to that.
//
// Any number of goroutines may use it. Lookup, and Learn of an address that
// stays where it is, take no lock.
type Table[P comparable] struct {
	limits Limits[P]
	byAddr *xsync.Map[uint64, *entry[P]]

	mu    sync.Mutex // of what follows, and of changes to byAddr
	ports map[P]*holding[P]
	swept time.Time
}

// holding is what is behind one port.
type holding[P comparable] struct {
	learned list.List // of *entry[P], the oldest in front
	pinned  []*entry[P]
}

// entry is one address behind one port. One that moves is replaced.
type entry[P comparable] struct {
	key  uint64
	port P
	seen atomic.Int64 // Unix time of its last frame, nanoseconds

	place  *list.Element // among what its port learned; nil if pinned
	placed int64         // what seen was when it was put there
}

// NewTable makes an empty table.
func NewTable[P comparable](l Limits[P]) *Table[P] {
	setDefault(&l.Total, DefaultTotal)
	setDefault(&l.PerPort, DefaultPerPort)
	setDefault(&l.Age, DefaultAge)
	setDefault(&l.Hold, DefaultHold)
	return &Table[P]{limits: l, byAddr: xsync.NewMap[uint64, *entry[P]](), ports: make(map[P]*holding[P])}
}

func setDefault[T int | time.Duration](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

// keyOf packs VLAN and address into one word.
func keyOf(vlan uint16, mac frame.MAC) uint64 {
	return uint64(vlan)<<48 | uint64(mac[0])<<40 | uint64(mac[1])<<32 |
		uint64(mac[2])<<24 | uint64(mac[3])<<16 | uint64(mac[4])<<8 | uint64(mac[5])
}

// addrOf is the inverse of keyOf.
func addrOf(key uint64) (vlan uint16, mac frame.MAC) {
	for i := range mac {
		mac[i] = byte(key >> (40 - 8*i))
	}
	return uint16(key >> 48), mac
}

// Lookup finds the port a station is behind.
func (t *Table[P]) Lookup(now time.Time, vlan uint16, mac frame.MAC) (port P, ok bool) {
	e, ok := t.byAddr.Load(keyOf(vlan, mac))
	if !ok || t.expired(e, now) {
		return port, false
	}
	return e.port, true
}

func (t *Table[P]) expired(e *entry[P], now time.Time) bool {
	return e.place != nil && now.UnixNano()-e.seen.Load() > int64(t.limits.Age)
}

// Learn takes note that a frame of a station came by a port. When it Moved, or
// is Held, before is the port the table had.
func (t *Table[P]) Learn(now time.Time, vlan uint16, mac frame.MAC, port P) (o Outcome, before P) {
	key := keyOf(vlan, mac)
	e, ok := t.byAddr.Load(key)
	if !ok || e.port != port {
		return t.change(now, key, port)
	}
	if at := now.UnixNano(); at-e.seen.Load() > int64(refresh) {
		e.seen.Store(at)
	}
	return Known, port
}

// Pin enters an address that stays behind a port until the port is forgotten:
// it does not age, counts towards no limit, and no other port can have it.
func (t *Table[P]) Pin(vlan uint16, mac frame.MAC, port P) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &entry[P]{key: keyOf(vlan, mac), port: port}
	if old, ok := t.byAddr.Load(e.key); ok {
		t.drop(old)
	}
	h := t.holding(port)
	h.pinned = append(h.pinned, e)
	t.byAddr.Store(e.key, e)
}

// Forget takes out everything behind a port.
func (t *Table[P]) Forget(port P) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.ports[port]
	if h == nil {
		return
	}
	for e := range h.all {
		t.byAddr.Delete(e.key)
	}
	delete(t.ports, port)
}

// Each gives every address that has not aged, in no order, with the time of its
// last frame, zero if it is pinned, until yield returns false.
func (t *Table[P]) Each(now time.Time, yield func(vlan uint16, mac frame.MAC, port P, seen time.Time) bool) {
	for key, e := range t.byAddr.All() {
		var seen time.Time
		if e.place != nil {
			seen = time.Unix(0, e.seen.Load())
		}
		vlan, mac := addrOf(key)
		if !t.expired(e, now) && !yield(vlan, mac, e.port, seen) {
			return
		}
	}
}

// change is Learn of an address that is new, or at another port.
func (t *Table[P]) change(now time.Time, key uint64, port P) (Outcome, P) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.byAddr.Load(key)
	switch {
	case ok && e.port == port: // in the meantime
		return Known, port
	case ok && (e.place == nil || now.UnixNano()-e.seen.Load() < int64(t.limits.Hold)):
		return Held, e.port
	case ok:
		t.drop(e)
		t.add(now, key, port)
		return Moved, e.port
	case !t.makeRoom(now, port):
		return Full, port
	}
	t.add(now, key, port)
	return New, port
}

// add enters an address. The caller holds mu.
func (t *Table[P]) add(now time.Time, key uint64, port P) {
	if t.count(port) >= t.portLimit(port) {
		t.drop(t.ports[port].oldest())
	}
	e := &entry[P]{key: key, port: port, placed: now.UnixNano()}
	e.seen.Store(e.placed)
	e.place = t.holding(port).learned.PushBack(e)
	t.byAddr.Store(key, e)
}

// makeRoom sees to it that one more address fits in all. The caller holds mu.
func (t *Table[P]) makeRoom(now time.Time, port P) bool {
	if t.byAddr.Size() >= t.limits.Total {
		t.sweep(now)
	}
	if t.byAddr.Size() < t.limits.Total {
		return true
	}
	loser := t.ports[port]
	if t.count(port) == 0 {
		loser = t.fullest()
	}
	if loser == nil {
		return false
	}
	t.drop(loser.oldest())
	return true
}

// holding is what is behind a port, made if there is nothing yet. The caller
// holds mu.
func (t *Table[P]) holding(port P) *holding[P] {
	h := t.ports[port]
	if h == nil {
		h = new(holding[P])
		t.ports[port] = h
	}
	return h
}

// count is how many addresses a port has shown. The caller holds mu.
func (t *Table[P]) count(port P) int {
	if h := t.ports[port]; h != nil {
		return h.learned.Len()
	}
	return 0
}

func (t *Table[P]) portLimit(port P) int {
	if t.limits.PortLimit != nil {
		if n := t.limits.PortLimit(port); n > 0 {
			return n
		}
	}
	return t.limits.PerPort
}

// fullest is what is behind the port with the most addresses, nil if none has
// more than one. The caller holds mu.
func (t *Table[P]) fullest() (most *holding[P]) {
	n := 1
	for _, h := range t.ports {
		if h.learned.Len() > n {
			most, n = h, h.learned.Len()
		}
	}
	return most
}

// sweep takes out what has aged, but not each time it is asked. The caller
// holds mu.
func (t *Table[P]) sweep(now time.Time) {
	if now.Sub(t.swept) < t.limits.Age/16 {
		return
	}
	t.swept = now
	for _, e := range t.byAddr.All() {
		if t.expired(e, now) {
			t.drop(e)
		}
	}
}

// drop takes an address out. The caller holds mu.
func (t *Table[P]) drop(e *entry[P]) {
	t.byAddr.Delete(e.key)
	h := t.ports[e.port]
	if e.place != nil {
		h.learned.Remove(e.place)
	} else {
		h.pinned = slices.DeleteFunc(h.pinned, func(p *entry[P]) bool { return p == e })
	}
	if h.learned.Len() == 0 && len(h.pinned) == 0 {
		delete(t.ports, e.port)
	}
}

// oldest is the learned address that has been silent longest, of at least one.
// The list has them by when they were last looked at; those seen since then go
// to the back.
func (h *holding[P]) oldest() *entry[P] {
	for range h.learned.Len() {
		e := h.learned.Front().Value.(*entry[P])
		seen := e.seen.Load()
		if seen == e.placed {
			return e
		}
		e.placed = seen
		h.learned.MoveToBack(e.place)
	}
	return h.learned.Front().Value.(*entry[P])
}

// all is every address behind the port.
func (h *holding[P]) all(yield func(*entry[P]) bool) {
	for at := h.learned.Front(); at != nil; at = at.Next() {
		if !yield(at.Value.(*entry[P])) {
			return
		}
	}
	for _, e := range h.pinned {
		if !yield(e) {
			return
		}
	}
}
