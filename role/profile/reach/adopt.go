package reach

import (
	"cmp"
	"slices"

	"culvert/config"
)

// Adopt has remotes go on with another configuration, which has the same. It returns the one
// that was tried last, as it is there; the zero Remote if none was.
func Adopt(r *Remotes, c *config.Config) (present config.Remote) {
	before := r.cfg
	renew := func(remote config.Remote) config.Remote {
		at := slices.IndexFunc(before.Link.Remotes, func(o config.Remote) bool { return o.Pos == remote.Pos })
		if at >= 0 && at < len(c.Link.Remotes) {
			remote.Settings, remote.Pos = c.Link.Remotes[at].Settings, c.Link.Remotes[at].Pos
		}
		return remote
	}
	renewTarget := func(t Target) Target {
		own := t.Settings == cmp.Or(t.Remote.Settings, before) // else who chooses has changed them
		t.Remote = renew(t.Remote)
		if own {
			t.Settings = cmp.Or(t.Remote.Settings, c)
		}
		return t
	}
	list := make([]config.Remote, len(r.list))
	for i, remote := range r.list {
		list[i] = renew(remote)
	}
	for i, t := range r.queue {
		r.queue[i] = renewTarget(t)
	}
	if r.last != nil {
		last := renewTarget(*r.last)
		r.last, present = &last, last.Remote
	}
	r.cfg, r.tries = c, c.Link.ConnectTries
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = list
	return present
}
