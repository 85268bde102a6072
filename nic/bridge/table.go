// Package bridge is what the two switches share, the hub's (nic/hub) and a TAP
// server's (role/server/segment): the forwarding database and the limit on what a
// port floods (IEEE 802.1Q, 8.7 and 8.8).
package bridge

import (
	"container/list"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"culvert/nic/frame"
)

// Limits bounds a Table. Zero values mean the defaults.
type Limits[P comparable] struct {
	// Total bounds all addresses, PerPort those behind one port.
	Total, PerPort int
	// PortLimit, if not nil, returns the limit for one port in place of PerPort,
	// such as for a port that has a whole LAN behind it; 0 means PerPort.
	PortLimit func(port P) int
	// Age is how long an address is believed after its last frame.
	Age time.Duration
	// Hold is how long a port must have been silent with an address before another
	// port can have it. It protects an address in use from being taken, and stops a
	// frame that comes back through a loop. The port that had the address before,
	// within its age, gets it back without waiting.
	Hold time.Duration
	// Rank, if not nil, orders ports. A port of a lower rank gets no address back
	// from one of a higher rank; it has to wait for Hold like any other port.
	Rank func(port P) int
}

// The defaults. The age is from IEEE 802.1Q, table 8-6; 256 addresses behind one
// port is the default of max-routes-per-client in OpenVPN's manual.
const (
	DefaultTotal   = 1 << 16
	DefaultPerPort = 256
	DefaultAge     = 5 * time.Minute
	DefaultHold    = 2 * time.Second
)

// ContestInterval is the time between log lines about contests: addresses that two
// ports show in turn.
const ContestInterval = 10 * time.Second

// refresh is how old the time of an address's last frame may become. For a station
// that sends all the time it is updated this often, not with every frame.
const refresh = 250 * time.Millisecond

// Outcome is the result of Learn for a frame's source.
type Outcome int

// Outcomes.
const (
	Known    Outcome = iota // behind this port already
	New                     // seen for the first time
	Moved                   // was behind another port, which had not shown it for Hold
	Returned                // was taken by another port, and is given back to the earlier one
	Held                    // belongs to another port, and is in use there or pinned: drop the frame
	Full                    // no room, since no port has more than one address
)

// Table is a forwarding database: it knows which port a station of a VLAN is
// behind. It is bounded. A port that shows more addresses than it may, or more than
// fit in all, loses its own oldest. Only a port that has none takes room from
// another, the one with the most. That never takes a port's last address.
//
// When a port takes an address from an earlier port, the table remembers the
// earlier port until the address would have aged there. A frame by the earlier
// port, or the end of the later port's entry, gives the address back.
//
// Any number of goroutines may use it. Lookup takes no lock, nor does Learn of an
// address that stays where it is.
type Table[P comparable] struct {
	limits Limits[P]
	byAddr *xsync.Map[uint64, *entry[P]]

	mu    sync.Mutex // of what follows, and of changes to byAddr
	ports map[P]*holding[P]
	swept time.Time
}

// entry is one address behind one port. An address that moves gets a new entry, and
// the old one may wait there to be restored.
type entry[P comparable] struct {
	key  uint64
	port P
	seen atomic.Int64 // Unix time of its last frame, nanoseconds

	earlier *entry[P]     // at the port it was taken from; nil: none. Guarded by mu
	place   *list.Element // among what its port learned; nil if pinned
	placed  int64         // the value of seen when it was put there
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
	return e.place != nil && e.silent(now) > t.limits.Age
}

// silent returns how long an address has shown no frame. If the system's clock was
// set back, it returns by how far, so that nothing is believed until the clock has
// caught up.
func (e *entry[P]) silent(now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - e.seen.Load()).Abs()
}

// Learn notes that a frame of a station came by a port. If the outcome is Moved,
// Returned or Held, before is the port that the table had.
func (t *Table[P]) Learn(now time.Time, vlan uint16, mac frame.MAC, port P) (o Outcome, before P) {
	key := keyOf(vlan, mac)
	e, ok := t.byAddr.Load(key)
	if !ok || e.port != port {
		return t.change(now, key, port)
	}
	if e.silent(now) > refresh {
		e.seen.Store(now.UnixNano())
	}
	return Known, port
}

// Pin enters an address that stays behind a port until the port is forgotten:
// it does not age, counts towards no limit, and no other port can have it.
func (t *Table[P]) Pin(vlan uint16, mac frame.MAC, port P) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &entry[P]{key: keyOf(vlan, mac), port: port}
	for old, ok := t.byAddr.Load(e.key); ok; old, ok = t.byAddr.Load(e.key) {
		t.drop(old)
	}
	h := t.holding(port)
	h.pinned = append(h.pinned, e)
	t.byAddr.Store(e.key, e)
}

// Take gives a port an address that another port has, in use or not, unless it is
// pinned. It reports whether it did. It is for callers that know better than Learn.
func (t *Table[P]) Take(now time.Time, vlan uint16, mac frame.MAC, port P) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.byAddr.Load(keyOf(vlan, mac))
	if !ok || e.place == nil || e.port == port {
		return false
	}
	if !t.giveBack(now, e, port) {
		t.move(now, e, port)
	}
	return true
}

// Forget removes everything behind a port.
func (t *Table[P]) Forget(port P) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.ports[port]
	if h == nil {
		return
	}
	for _, e := range slices.Collect(h.all) {
		t.drop(e)
	}
}

// Each yields every address that has not aged, in no order, with the time of its
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

// change is Learn for an address that is new, or at another port.
func (t *Table[P]) change(now time.Time, key uint64, port P) (Outcome, P) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.byAddr.Load(key)
	if ok && e.earlier != nil && t.expired(e.earlier, now) {
		t.drop(e.earlier)
	}
	switch {
	case ok && e.port == port: // in the meantime
		return Known, port
	case ok && t.giveBack(now, e, port):
		return Returned, e.port
	case ok && (e.place == nil || e.silent(now) < t.limits.Hold):
		return Held, e.port
	case ok:
		t.move(now, e, port)
		return Moved, e.port
	case !t.makeRoom(now, port):
		return Full, port
	}
	t.add(now, key, port)
	return New, port
}

// giveBack removes another port's entry for an address that this port had earlier,
// and reports whether it did. The caller holds mu.
func (t *Table[P]) giveBack(now time.Time, e *entry[P], port P) bool {
	if e.earlier == nil || e.earlier.port != port {
		return false
	}
	e.earlier.seen.Store(now.UnixNano())
	t.drop(e)
	return true
}

// move puts an address behind another port. Of the ports that had it, it keeps the
// first, so that it can have the address back, unless that port is of a lower rank
// than the new one. The caller holds mu.
func (t *Table[P]) move(now time.Time, e *entry[P], port P) {
	first := e
	if e.earlier != nil {
		first, e.earlier = e.earlier, nil
		t.unlist(e)
	}
	moved := t.add(now, e.key, port)
	if t.rank(first.port) < t.rank(port) || t.expired(first, now) {
		t.unlist(first)
	} else {
		moved.earlier = first
	}
}

func (t *Table[P]) rank(port P) int {
	if t.limits.Rank == nil {
		return 0
	}
	return t.limits.Rank(port)
}

// add enters an address, in place of any entry it has. The caller holds mu.
func (t *Table[P]) add(now time.Time, key uint64, port P) *entry[P] {
	if t.count(port) >= t.portLimit(port) {
		t.drop(t.ports[port].oldest())
	}
	e := &entry[P]{key: key, port: port, placed: now.UnixNano()}
	e.seen.Store(e.placed)
	e.place = t.holding(port).learned.PushBack(e)
	t.byAddr.Store(key, e)
	return e
}

// makeRoom makes room for one more address in all. The caller holds mu.
func (t *Table[P]) makeRoom(now time.Time, port P) bool {
	if t.byAddr.Size() >= t.limits.Total {
		t.sweep(now)
	}
	for t.byAddr.Size() >= t.limits.Total { // again where an address went back
		loser := t.ports[port]
		if t.count(port) == 0 {
			loser = t.fullest()
		}
		if loser == nil {
			return false
		}
		t.drop(loser.oldest())
	}
	return true
}

// sweep removes what has aged, but not every time it is called. The caller holds
// mu.
func (t *Table[P]) sweep(now time.Time) {
	if now.Sub(t.swept) < t.limits.Age/16 {
		return
	}
	t.swept = now
	for _, e := range t.byAddr.All() {
		if e.earlier != nil && t.expired(e.earlier, now) {
			t.drop(e.earlier)
		}
		if t.expired(e, now) {
			t.drop(e)
		}
	}
}

// drop removes an address from a port, and gives it back to the port it was taken
// from, if there is one. The caller holds mu.
func (t *Table[P]) drop(e *entry[P]) {
	switch current, _ := t.byAddr.Load(e.key); {
	case current != e:
		current.earlier = nil // that was e
	case e.earlier != nil:
		t.byAddr.Store(e.key, e.earlier)
	default:
		t.byAddr.Delete(e.key)
	}
	t.unlist(e)
}

// unlist removes an address from its port's list. The caller holds mu.
func (t *Table[P]) unlist(e *entry[P]) {
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
