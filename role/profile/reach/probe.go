package reach

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"culvert/config"
	"culvert/role/profile"
)

// ErrSilent reports a server that did not answer in time.
var ErrSilent = errors.New("no answer")

// Probe measures how long a server takes to answer a client's first packet, which it sends
// once: the reset of a handshake that goes no further (draft, "Session Initialization"). Only
// an answer to that packet in the right armour counts. Over TCP, the connection is made
// before. It fails with ErrSilent when ctx has ended; nobody is asked for a proxy's login.
func Probe(ctx context.Context, d *Dialer, s *profile.Settings, t Target) (time.Duration, error) {
	quiet := Dialer{Listen: d.Listen, Dial: d.Dial}
	settings := *t.Settings
	settings.Link.NoBind = true // its own port is the connection's
	t.Settings = &settings
	l, err := quiet.Open(ctx, t)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	f := Greet(ctx, l, t.Addr, s.For(ctx, t.Addr, t.Remote.Proto.TCP), Greeting{})
	switch {
	case f.Answered:
		return f.Took, nil
	case f.Err != nil && ctx.Err() == nil:
		return 0, fmt.Errorf("%w: %w", ErrSilent, f.Err)
	}
	return 0, ErrSilent
}

// mostTargets is how many addresses All returns: some names have thousands.
const mostTargets = 32

// resolveAll is how long All may take.
const resolveAll = time.Second

// All resolves every remote and returns their targets, up to 32, the first of each before
// the second of any; names that are not answered within a second are left out. An error says
// why none has an address.
func All(ctx context.Context, r *Remotes) ([]Target, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveAll)
	defer cancel()
	each, failed := resolveEach(ctx, r, r.List())
	var all []Target
	for n, more := 0, true; more; n++ {
		more = false
		for _, targets := range each {
			if n < len(targets) && len(all) < mostTargets {
				all, more = append(all, targets[n]), true
			}
		}
	}
	r.note(all)
	if len(all) == 0 {
		return nil, failed
	}
	return all, nil
}

// mostAsked is how many names are asked for at once.
const mostAsked = 64

// resolveEach resolves remotes, side by side, and returns the targets of each in their
// order; none for one without an address, for which the error says why.
func resolveEach(ctx context.Context, r *Remotes, list []config.Remote) (each [][]Target, failed error) {
	each = make([][]Target, len(list))
	errs, turn := make([]error, len(list)), make(chan struct{}, mostAsked)
	var wait sync.WaitGroup
	for i, remote := range list {
		turn <- struct{}{}
		wait.Go(func() {
			each[i], errs[i] = r.targets(ctx, remote, r.settingsOf(remote))
			<-turn
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			failed = err
		}
	}
	return each, failed
}

// Prefer has r make a target the one that is tried next, before all others. It counts as a
// try, and does nothing when connect-retry-max allows no more of them.
func Prefer(r *Remotes, t Target) {
	if exhausted(r) {
		return
	}
	r.tried++
	Use(r, t.Remote)
	r.queue = []Target{t}
	if at := index(r.list, t.Remote); at >= 0 {
		r.lastAt, r.at = at, at+1
	}
}

// Same reports whether two targets are one server's address over one protocol.
func (t Target) Same(o Target) bool {
	return t.Addr == o.Addr && t.Remote.Proto == o.Remote.Proto && index([]config.Remote{t.Remote}, o.Remote) == 0
}
