package reach

import (
	"net/netip"
	"slices"
	"time"
)

// believed is how long addresses known from before serve while the other end is
// looked for. They are a help where nobody answers questions for names, or
// wrongly. In time they become somebody else's.
const believed = time.Hour

// memory is what remotes' names have meant. The zero value has forgotten
// everything.
type memory struct {
	names map[string]meaning
	// last are the addresses by which the other end was last reached, by name.
	last map[string]netip.Addr
	// looking is since when the other end is looked for; zero: not so.
	looking time.Time
}

// meaning is the addresses that a name had at a time.
type meaning struct {
	addrs []netip.Addr
	at    time.Time
}

// reached says that the other end was, by addresses of these names.
func (m *memory) reached(by map[string]netip.Addr) {
	m.looking = time.Time{}
	m.last = by
}

// learn takes an answer for a name, and returns what to try.
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

// andLast puts behind addresses the one by which the other end was last reached.
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

// recall is what to try for a name that nobody answers for, nil when nothing is
// believed any more.
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
