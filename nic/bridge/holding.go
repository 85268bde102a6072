package bridge

import "container/list"

// holding is the set of addresses behind one port.
type holding[P comparable] struct {
	learned list.List // of *entry[P], the oldest in front
	pinned  []*entry[P]
}

// holding returns what is behind a port, and makes it if there is nothing yet. The
// caller holds mu.
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

// fullest returns what is behind the port with the most addresses, nil if no port
// has more than one. The caller holds mu.
func (t *Table[P]) fullest() (most *holding[P]) {
	n := 1
	for _, h := range t.ports {
		if h.learned.Len() > n {
			most, n = h, h.learned.Len()
		}
	}
	return most
}

// oldest returns the learned address that has been silent longest; there must be at
// least one. The list is ordered by when addresses were last looked at, so those
// seen since then move to the back.
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

// all yields every address behind the port.
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
