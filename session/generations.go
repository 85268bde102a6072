package session

import (
	"iter"
	"slices"
	"time"

	"culvert/session/seal"
	"culvert/session/wire"
)

// generations are the key generations of a session, and when each goes: a TLS
// connection that is replaced after the time of a handshake, its keys after the
// transition window.
type generations struct {
	ring       *seal.Ring // of their data keys
	server     bool       // as in Config, like the two below
	handWindow time.Duration
	tranWindow time.Duration

	// next is in its handshake, active the newest that is done, old the one
	// before it. Each may be nil.
	next, active, old *generation
	newest            *Course  // of the generation that began last
	waning            []waning // the ones before old, oldest first
}

// waning are keys that only open packets: OpenVPN 3 seals with what it had for a
// minute after a server renewed keys, however often that happens meanwhile.
type waning struct {
	key   wire.KeyID
	until time.Time // the end of their transition window
}

// all are next, active and old, as far as there are any.
func (k *generations) all() iter.Seq[*generation] {
	return func(yield func(*generation) bool) {
		for _, g := range []*generation{k.next, k.active, k.old} {
			if g != nil && !yield(g) {
				return
			}
		}
	}
}

// find is the generation with that id whose control channel is open, or nil.
func (k *generations) find(id wire.KeyID) *generation {
	for g := range k.all() {
		if g.id == id && g.ch != nil {
			return g
		}
	}
	return nil
}

// talking is the generation whose TLS connection carries control messages, or
// nil: the newest, since a peer may have given up the one before.
func (k *generations) talking() *generation {
	for _, g := range []*generation{k.next, k.active} {
		if g != nil && g.tls != nil && g.phase >= phasePush {
			return g
		}
	}
	return nil
}

// renewing reports whether a TLS connection is being made that takes the present one's
// place, and carries no messages yet.
func (k *generations) renewing() bool {
	return k.next != nil && k.active != nil && k.next.phase < phasePush
}

// begin makes g the generation in its handshake.
func (k *generations) begin(g *generation) { k.next, k.newest = g, &g.course }

// latest is the course of the handshake that began last.
func (k *generations) latest() Course {
	if k.newest == nil {
		return Course{}
	}
	return *k.newest
}

// install puts the data keys of g to use: from now on packets under them are opened. The
// first seal as well, later ones when the peer has shown that it has them (advance).
func (k *generations) install(now time.Time, g *generation) {
	g.phase, g.installed, g.looked = phaseActive, now, now
	k.ring.Install(g.keys)
	if k.active != nil && !k.active.sending {
		k.startSending(k.active) // with it the peer has had another handshake since
	}
	k.waning = slices.DeleteFunc(k.waning, func(w waning) bool { return w.key == g.id })
	if k.old != nil {
		k.old.close()
		k.waning = append(k.waning, waning{k.old.id, k.active.installed.Add(k.tranWindow)})
	}
	k.old, k.active, k.next = k.active, g, nil
	if k.old == nil {
		k.startSending(g)
	}
}

// startSending seals data with g from now on.
func (k *generations) startSending(g *generation) {
	g.sending = true
	k.ring.SendWith(g.id)
}

// shared reports whether the peer has the data keys of g. A packet under them shows it. So
// does a client that has acknowledged all that it was told. A server's acknowledgement comes
// before it derives keys: OpenVPN's waits for that of its own last message, drops what comes
// under the keys until then, and says that message again after two seconds where the
// acknowledgement was lost. Where nothing comes from a server, it is taken to have the keys
// in the end.
func (k *generations) shared(now time.Time, g *generation) bool {
	return g.keys.Received() > 0 || k.server && g.silent() || !now.Before(k.trusts(g))
}

// trusts is when a peer that has shown nothing is taken to have the keys of g: well before
// it forgets those before.
func (k *generations) trusts(g *generation) time.Time {
	return g.installed.Add(min(k.handWindow, k.tranWindow/2))
}

// sharedInterval is how often it is looked whether the peer has new keys.
const sharedInterval = 500 * time.Millisecond

// advance starts to seal with new keys once the peer has them, and retires old ones.
func (k *generations) advance(now time.Time) {
	if k.active == nil {
		return
	}
	if g := k.active; !g.sending {
		if g.looked = now; k.shared(now, g) {
			k.startSending(g)
		}
	}
	if k.old != nil {
		k.advanceOld(now)
	}
	for len(k.waning) > 0 && !now.Before(k.waning[0].until) {
		k.ring.Retire(k.waning[0].key)
		k.waning = k.waning[1:]
	}
	if len(k.waning) == 0 {
		k.waning = nil
	}
}

// advanceOld drops the TLS connection of the generation before once it has
// nothing left to say, and its keys at the end of the transition window.
func (k *generations) advanceOld(now time.Time) {
	age := now.Sub(k.active.installed)
	if age >= k.handWindow && k.old.tls != nil {
		k.old.close()
		k.old.ch = nil
	}
	if age >= k.tranWindow {
		k.old.close()
		k.ring.Retire(k.old.id)
		k.old = nil
	}
}

// deadlines gives the times at which advance has something to do.
func (k *generations) deadlines(by func(time.Time)) {
	if len(k.waning) > 0 {
		by(k.waning[0].until)
	}
	if k.old == nil {
		return
	}
	if g := k.active; !g.sending {
		by(g.looked.Add(sharedInterval))
	}
	if k.old.tls != nil {
		by(k.active.installed.Add(k.handWindow))
	}
	by(k.active.installed.Add(k.tranWindow))
}

// close drops all TLS connections and forgets the generations.
func (k *generations) close() {
	for g := range k.all() {
		g.close()
	}
	k.next, k.active, k.old = nil, nil, nil
}
