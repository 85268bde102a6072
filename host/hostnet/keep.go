package hostnet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// keeper keeps up the State that was applied until it is stopped. Whenever somebody
// changes the network, and also regularly, it looks for what the host has lost of the
// State, puts that back, and logs it. When the host's own routes change, the routes
// past the tunnel follow.
type keeper struct {
	*Applied
	stop context.CancelFunc
	done chan struct{} // closed when it no longer changes anything

	losses losses
	by     []string // who changed something since the last look
}

const (
	// settle is how long to wait for further changes after one, since programs make
	// several in a row.
	settle = 200 * time.Millisecond
	// lookEvery is how often to look although no change was reported.
	lookEvery = 30 * time.Second
	// restful says that, in the long run, the pause after a look is that many times as
	// long as the look: listing the routes of a large router takes time. credit is by
	// how much pauses may be put off when changes are rare.
	restful = 20
	credit  = 20 * time.Second
)

// keep begins to keep up the State, if this system can.
func (a *Applied) keep() {
	if a.host.kernel.limits().unkept != nil {
		return
	}
	enter, err := sameNamespace(a.host.store.space)
	if err != nil {
		a.unkept(err)
		return
	}
	a.keepFrom(enter)
}

func (a *Applied) unkept(why error) {
	a.host.opts.Logger.Warn("changes that other programs make to the tunnel's addresses and routes are not put back", "error", why)
}

// keepFrom keeps up the State on a goroutine that calls enter first.
func (a *Applied) keepFrom(enter func() error) {
	ctx, stop := context.WithCancel(context.Background())
	k := &keeper{Applied: a, stop: stop, done: make(chan struct{}), losses: losses{}}
	a.keeper = k
	go func() {
		defer close(k.done)
		if err := enter(); err != nil {
			a.unkept(err)
			return
		}
		triggers, err := a.host.kernel.watch(ctx, a.host.opts.ResolvConf)
		if err != nil {
			a.host.opts.Logger.Info("not all network changes are reported here, so the network is checked regularly", "every", lookEvery, "error", err)
		}
		k.run(ctx, triggers)
	}()
}

// release stops the keeper.
func (a *Applied) release() {
	if a.keeper != nil {
		a.keeper.stop()
		<-a.keeper.done
	}
}

// run looks at the host until ctx ends.
func (k *keeper) run(ctx context.Context, triggers <-chan trigger) {
	next := time.Now().Add(lookEvery)
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	var rested time.Time // when the pauses for the looks so far are over
	at := func(t time.Time) {
		next = latest(t, rested.Add(-credit))
		timer.Reset(time.Until(next))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-triggers:
			k.heard(t)
			if soon := time.Now().Add(settle); soon.Before(next) {
				at(soon)
			}
		case <-timer.C:
			began := time.Now()
			lost := k.look(ctx, began)
			now := time.Now()
			if !lost {
				rested = latest(rested, now).Add(restful * now.Sub(began))
			}
			at(k.losses.due(now, now.Add(lookEvery)))
		}
	}
}

func (k *keeper) heard(t trigger) {
	if t.by != "" && !slices.Contains(k.by, t.by) {
		k.by = append(k.by, t.by)
	}
}

// look compares the host with the State and restores the difference.
func (k *keeper) look(ctx context.Context, now time.Time) (lost bool) {
	by := k.by
	k.by = nil
	log := k.host.opts.Logger
	restored, failures, err := k.restore(ctx, func(c change) bool { return k.losses.ready(c, now) })
	k.tell(now, restored, by)
	if ctx.Err() == nil && err != nil {
		failures = append(failures, Failure{What: "keeping the tunnel's addresses and routes", Err: err})
	}
	for _, f := range failures {
		k.losses.forgive(f)
	}
	for _, f := range k.news(failures) {
		log.Warn("this part of the tunnel's state cannot be had now: " + f.Error())
	}
	return len(restored) > 0
}

// news returns the failures that were not reported yet, neither here nor by Apply or
// Update.
func (a *Applied) news(failures []Failure) []Failure {
	a.mu.Lock()
	defer a.mu.Unlock()
	told := a.failures
	a.failures = failures
	return slices.DeleteFunc(slices.Clone(failures), func(f Failure) bool {
		return slices.ContainsFunc(told, func(o Failure) bool { return o.Error() == f.Error() })
	})
}

// tell logs what was put back, and once, which program keeps undoing it.
func (k *keeper) tell(now time.Time, restored []change, by []string) {
	var lines []string
	log := k.host.opts.Logger
	for _, c := range restored {
		l := k.losses.count(c, now)
		switch {
		case l.quick < insisting:
			line := c.String()
			if l.times > 1 {
				line += fmt.Sprintf(" (%d times by now)", l.times)
			}
			lines = append(lines, line)
		case l.quick == insisting:
			who := k.culprits(c, by)
			log.Warn("another program keeps undoing this; from now on it is put back silently, and less and less often",
				"change", c.String(), "times", l.times, "likely", strings.Join(who, ", "), "mend", mendFor(who, k.j.Device))
		default:
			log.Debug("put back what this host had lost", "change", c.String(), "times", l.times)
		}
	}
	if len(lines) == 0 {
		return
	}
	args := []any{"changes", strings.Join(shortened(lines), "; ")}
	if len(by) > 0 {
		args = append(args, "changed-by", strings.Join(by, ", "))
	}
	log.Warn("put back what this host had lost of the tunnel's state", args...)
}

// restore makes the changes that the State needs, the host lacks and allow permits. It
// returns those that it made, and the failures of the State as a whole.
func (a *Applied) restore(ctx context.Context, allow func(change) bool) (restored []change, failures []Failure, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Err() != nil {
		return nil, nil, nil
	}
	d, err := a.lost(ctx)
	if err != nil || len(d.missing()) == 0 && len(d.stands()) == len(a.j.changes) {
		return nil, failuresOf(d), err
	}
	unlock, err := a.host.lock(ctx)
	if err != nil {
		return nil, failuresOf(d), err
	}
	defer unlock()
	if d, err = a.lost(ctx); err != nil { // others may have changed something meanwhile
		return nil, nil, err
	}
	held := setOf(d.held)
	refused := func(c change) bool { return !held.has(c) && !allow(c) }
	if slices.ContainsFunc(d.plan.changes, refused) {
		d.plan.changes = append(slices.DeleteFunc(d.plan.changes, refused), d.held...)
	}
	a.j.changes = d.held
	quietly := func(ts []told) {
		for _, t := range ts {
			a.host.opts.Logger.Debug(t.line)
		}
	}
	if err := a.undo(ctx, d.stale(), a.host.living(a.j), quietly); err != nil {
		return nil, failuresOf(d), err
	}
	restored, failures, err = a.make(ctx, d.plan)
	return restored, failures, err
}

// lost returns the difference between the host and the State applied, except for
// settings of the adapter that an administrator may tune.
func (a *Applied) lost(ctx context.Context) (*difference, error) {
	d, err := a.compare(ctx, a.want, a.host.living(a.j))
	if err != nil {
		return nil, err
	}
	held := setOf(d.held)
	d.plan.changes = slices.DeleteFunc(d.plan.changes, func(c change) bool { return tunes(c) && !held.has(c) })
	return d, nil
}

// tunes reports whether a change is one of MTU, queue length or MAC address.
func tunes(c change) bool {
	switch c := c.(type) {
	case *hardwareChange:
		return true
	case *linkChange:
		return c.Property != propUp && c.Property != propGroup
	}
	return false
}

func failuresOf(d *difference) []Failure {
	if d == nil {
		return nil
	}
	return d.plan.failures
}
