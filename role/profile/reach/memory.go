package reach

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// believed is how long addresses from before are tried while the other end is looked
// for. They help when questions for names get no answer, or a wrong one. In time they
// become somebody else's.
const believed = time.Hour

// memory is what the names of remotes resolved to before. The zero value remembers
// nothing.
type memory struct {
	names map[string]meaning
	// last has, by name, the address at which the other end was last reached.
	last map[string]netip.Addr
	// looking is the time since which the other end is looked for; zero: it is not.
	looking time.Time
}

// meaning is what a name resolved to at a time.
type meaning struct {
	addrs []netip.Addr
	at    time.Time
}

// clone returns a memory of the same.
func (m *memory) clone() memory {
	return memory{names: maps.Clone(m.names), last: maps.Clone(m.last), looking: m.looking}
}

// reached notes that the other end was reached, by names at these addresses.
func (m *memory) reached(by map[string]netip.Addr) {
	m.looking = time.Time{}
	m.last = by
}

// learn notes the answer for a name, and returns the addresses to try.
func (m *memory) learn(name string, answer []netip.Addr, now time.Time) []netip.Addr {
	addrs := make([]netip.Addr, len(answer))
	for i, a := range answer {
		addrs[i] = a.Unmap()
	}
	if m.names == nil {
		m.names = make(map[string]meaning)
	}
	m.names[name] = meaning{addrs, now}
	return m.andLast(name, addrs, now)
}

// andLast appends to addresses the one at which the other end was last reached.
func (m *memory) andLast(name string, addrs []netip.Addr, now time.Time) []netip.Addr {
	if m.looking.IsZero() {
		m.looking = now
	}
	last, ok := m.last[name]
	if !ok || slices.Contains(addrs, last) || now.Sub(m.looking) > believed {
		return addrs
	}
	return append(slices.Clone(addrs), last)
}

// recall returns the addresses to try for a name that gets no answer, nil when none
// is believed any more.
func (m *memory) recall(name string, now time.Time) (addrs []netip.Addr) {
	before := m.names[name]
	addrs = m.andLast(name, before.addrs, now)
	if now.Sub(m.looking) > believed && now.Sub(before.at) > believed {
		return nil
	}
	return addrs
}

// current reports whether an address was in the latest answer for a name.
func (m *memory) current(name string, a netip.Addr) bool {
	return slices.Contains(m.names[name].addrs, a)
}
