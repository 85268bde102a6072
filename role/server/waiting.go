package server

import (
	"container/list"
	"net/netip"
)

// waiting has clients that are not in yet, in the order they came: all together, and
// separately those of each source (session.Source). The zero value is ready. The
// table's lock guards it.
type waiting struct {
	all    list.List
	source map[netip.Prefix]*list.List
}

// place is where a client waits.
type place struct {
	in          *waiting // nil: it does not wait
	from        netip.Prefix
	all, source *list.Element
}

func (w *waiting) add(c *client, from netip.Prefix) {
	if w.source == nil {
		w.source = make(map[netip.Prefix]*list.List)
	}
	same := w.source[from]
	if same == nil {
		same = list.New()
		w.source[from] = same
	}
	c.place = place{w, from, w.all.PushBack(c), same.PushBack(c)}
}

// longest returns the client of a source that has waited longest, or of all if nobody
// of that source waits: whoever opens sessions without end displaces their own. It is
// nil if nobody waits.
func (w *waiting) longest(from netip.Prefix) *client {
	queue := w.source[from]
	if queue == nil {
		queue = &w.all
	}
	if first := queue.Front(); first != nil {
		return first.Value.(*client)
	}
	return nil
}

// stopWaiting takes a client out of where it waits, if it does.
func (c *client) stopWaiting() {
	w := c.place.in
	if w == nil {
		return
	}
	w.all.Remove(c.place.all)
	same := w.source[c.place.from]
	same.Remove(c.place.source)
	if same.Len() == 0 {
		delete(w.source, c.place.from)
	}
	c.place = place{}
}
