package hostnet

import (
	"net/netip"
	"slices"
)

// table is routing tables, with an index by destination: with thousands of routes,
// comparing each with each takes seconds.
type table struct {
	ways []way // removed ones are zero
	to   map[netip.Prefix][]int
}

func newTable(ways []way) *table {
	t := &table{ways: slices.Clone(ways), to: make(map[netip.Prefix][]int, len(ways))}
	for i, w := range t.ways {
		t.to[w.Dst] = append(t.to[w.Dst], i)
	}
	return t
}

// all returns the routes of the main table, in the kernel's order.
func (t *table) all() []way {
	return slices.DeleteFunc(slices.Clone(t.ways), func(w way) bool { return !w.Dst.IsValid() || w.Table != 0 })
}

// only returns the routes to a destination in a table.
func (t *table) only(dst netip.Prefix, table int) (ways []way) {
	for _, i := range t.to[dst] {
		if t.ways[i].Dst.IsValid() && t.ways[i].Table == table {
			ways = append(ways, t.ways[i])
		}
	}
	return ways
}

// remove removes the routes that are the same as w, and reports whether there were
// any.
func (t *table) remove(w way) (found bool) {
	for _, i := range t.to[w.Dst] {
		if t.ways[i].same(w) {
			t.ways[i], found = way{}, true
		}
	}
	return found
}

// changeSet is a set of changes that are looked up by what they are.
type changeSet map[any]bool

func setOf(cs []change) changeSet {
	s := make(changeSet, len(cs))
	for _, c := range cs {
		s[identity(c)] = true
	}
	return s
}

func (s changeSet) has(c change) bool { return s[identity(c)] }

// identity is equal for changes that are alike.
func identity(c change) any {
	switch c := c.(type) {
	case *routeChange:
		return *c
	case *addressChange:
		return *c
	case *linkChange:
		return *c
	}
	if f, ok := c.(*fileChange); ok { // whichever file it is
		written := *f
		written.File = ""
		c = &written
	}
	r, err := encode(c)
	if err != nil {
		return c
	}
	return r.Kind + string(r.Change)
}
