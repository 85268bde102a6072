package recent

import (
	"slices"

	"culvert/operate/backend"
)

// How many events of a session are kept: its first ones, and its latest.
const (
	first  = 32
	latest = 96
)

// life is what happened to one session.
type life struct {
	first, latest []backend.Event
	omitted       uint64 // between them
	up            bool
}

func (l *life) add(e backend.Event) {
	if len(l.first) < first {
		l.first = append(l.first, e)
		return
	}
	if len(l.latest) == latest {
		l.latest = slices.Delete(l.latest, 0, 1)
		l.omitted++
	}
	l.latest = append(l.latest, e)
}

// Life is what happened to a live session, and how many events between are not kept. The
// one session of a client or a paired host has the number 0.
func (r *Recent) Life(number uint64) (list []backend.Event, omitted uint64, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lives[number]
	if l == nil {
		return nil, 0, false
	}
	return slices.Concat(l.first, l.latest), l.omitted, true
}

// live notes an event of a session, with mu held.
func (r *Recent) live(e backend.Event) {
	if e.Kind == backend.Missed {
		r.recount()
		return
	}
	number := uint64(0)
	switch {
	case e.Number != nil:
		number = *e.Number
	case r.server:
		return // of nobody's session
	}
	l := r.lives[number]
	if l == nil || !r.server && l.over() && begins(e) {
		if len(r.lives) >= sessions {
			return
		}
		l = new(life)
		r.lives[number] = l
	}
	l.add(e)
	switch e.Kind {
	case backend.Up:
		r.count(l, true)
	case backend.Left, backend.Reconnecting:
		r.count(l, false)
		if r.server {
			delete(r.lives, number)
		}
	}
}

// begins reports whether a client's next connection begins with an event.
func begins(e backend.Event) bool {
	return e.Kind == backend.Resolving || e.Kind == backend.Connecting
}

// over reports whether a client's connection has ended.
func (l *life) over() bool {
	return slices.ContainsFunc(slices.Concat(l.first, l.latest), func(e backend.Event) bool { return e.Kind == backend.Left || e.Kind == backend.Reconnecting })
}

// count notes that a session is up, or not.
func (r *Recent) count(l *life, up bool) {
	if up && !l.up {
		r.up++
	}
	if !up && l.up {
		r.up--
	}
	l.up = up
}

// recount counts those that are up, and drops those that are gone, where events were missed.
func (r *Recent) recount() {
	r.up = 0
	there := map[uint64]bool{}
	for _, p := range r.b.Peers() {
		there[p.Number] = true
		l := r.lives[p.Number]
		if l == nil && len(r.lives) < sessions {
			l = new(life)
			r.lives[p.Number] = l
		}
		if !p.Connecting {
			r.up++
		}
		if l != nil {
			l.up = !p.Connecting
		}
	}
	for number := range r.lives {
		if !there[number] {
			delete(r.lives, number)
		}
	}
}
