package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// host is a kernel, and where the journals of what was done to it are.
type host struct {
	kernel kernel
	store  store
	self   owner
	opts   Options
}

// Applied is a State that this host was brought to and is kept in until Undo. Its
// methods are safe for concurrent use.
type Applied struct {
	host   *host
	before []byte  // what the resolver's file said
	keeper *keeper // nil: nobody looks after it

	learned learned

	mu       sync.Mutex
	nested   nested
	numbers  numbers
	want     State
	j        *journal
	failures []Failure // of want, that were told
}

// Apply brings the host to a State. First it undoes what dead processes
// left. Each change is in the journal before it is made. What the host loses
// of the State later is put back (see keeper).
//
// With a *PartialError the State is in force except for some routes, names or
// forwarding, and Applied is valid. With any other error every change was undone;
// it wraps ErrNoDevice, ErrPermission, ErrBusy or ErrUnsupported, or the context's
// cause.
func Apply(ctx context.Context, want State, opts Options) (*Applied, error) {
	h, err := newHost(opts)
	if err != nil {
		return nil, err
	}
	a, err := h.apply(ctx, want)
	if a != nil {
		a.keep()
	}
	return a, err
}

// Cleanup undoes what killed processes left, according to the journals in dir ("":
// DefaultStateDir), and returns a line for each thing undone or left. What living
// processes changed stays. An error says what could not be undone; its journal is
// kept for another try.
func Cleanup(ctx context.Context, dir string) ([]string, error) {
	h, err := newHost(Options{StateDir: dir})
	if err != nil {
		return nil, err
	}
	return h.cleanup(ctx)
}

func (h *host) apply(ctx context.Context, want State) (*Applied, error) {
	if err := want.check(); err != nil {
		return nil, err
	}
	if err := PrivateDir(h.store.dir); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	unlock, err := h.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	others, err := h.takeOver(ctx, want.Device)
	if err != nil {
		return nil, err
	}
	a := &Applied{host: h, j: &journal{Device: want.Device, Space: h.store.space, Owner: h.self}}
	a.before, _, _ = h.kernel.readFile(h.opts.ResolvConf)
	if err := a.nested.since(h.kernel); err != nil {
		return nil, fmt.Errorf("read this host's network: %w", err)
	}
	err = a.reach(ctx, want, others, nil)
	var partial *PartialError
	if err != nil && !errors.As(err, &partial) {
		return nil, errors.Join(err, a.undoAll(context.WithoutCancel(ctx), others))
	}
	return a, err
}

// lock keeps other processes out of the state directory.
func (h *host) lock(ctx context.Context) (unlock func(), err error) {
	return lockDir(ctx, h.store.dir, h.opts.Logger)
}

// Recover undoes what killed processes left, as Apply does, before a process asks for
// names: a dead tunnel's name server answers nobody. What it undoes, and what it cannot, is
// logged.
func Recover(ctx context.Context, opts Options) {
	h, err := newHost(opts)
	if err != nil {
		return
	}
	unlock, err := h.lock(ctx)
	if err != nil {
		return // no directory, so nothing is left; or Apply will say what is wrong with it
	}
	defer unlock()
	_ = h.recover(ctx)
}

// recover undoes what dead processes left, except fences that outlive them.
func (h *host) recover(ctx context.Context) error {
	lines, err := h.undoDead(ctx, persists)
	for _, line := range lines {
		h.opts.Logger.Info("undid what a killed process left", "change", line)
	}
	if err != nil {
		h.opts.Logger.Warn("cannot undo everything that a killed process left", "err", err)
	}
	return err
}

// takeOver cleans up after dead processes and returns the journals of the living.
func (h *host) takeOver(ctx context.Context, device string) ([]*journal, error) {
	err := h.recover(ctx)
	js, _ := h.store.load()
	for _, j := range js {
		if j.Device != device || j.foreign {
			continue
		}
		if h.store.alive(j.Owner) {
			return nil, fmt.Errorf("device %s: %w by process %d; stop it, or choose another device", device, ErrBusy, j.Owner.PID)
		}
		return nil, fmt.Errorf("device %s: cannot undo what a killed process left: %w", device, err)
	}
	alive, _ := h.store.split(js)
	return alive, nil
}

// reach makes the changes that lead from the host to want, except those that this
// Applied has made already. Those of held stay, whatever want says.
func (a *Applied) reach(ctx context.Context, want State, others []*journal, held []change) error {
	d, err := a.compare(ctx, want, others)
	if err != nil {
		return err
	}
	a.want = want
	a.j.changes = d.stands(held...)
	made, failures, err := a.make(ctx, d.plan)
	a.host.log(toldOf(made))
	if err != nil {
		return err
	}
	a.failures = failures
	if len(failures) > 0 {
		return &PartialError{Routes: len(want.Routes), Failures: failures}
	}
	return nil
}

// difference is between a host and a State.
type difference struct {
	plan Plan     // the whole way to the State
	held []change // those made before that are in force
}

// stands returns the changes that the State needs and the host has, and of others those that
// the host has.
func (d *difference) stands(others ...change) []change {
	return slices.DeleteFunc(slices.Clone(d.held), butNot(d.stale(), others))
}

// stale picks the changes that are not for this State.
func (d *difference) stale() func(change) bool {
	planned := setOf(d.plan.changes)
	return func(c change) bool { return !planned.has(c) }
}

// missing returns the changes that are still to be made.
func (d *difference) missing() []change {
	return slices.DeleteFunc(slices.Clone(d.plan.changes), setOf(d.held).has)
}

// compare makes a plan from the host as it would be without this device's changes, and
// finds which of them it still has. It leaves out what living processes share as well,
// so that the last of them puts back what was there before the first.
func (a *Applied) compare(ctx context.Context, want State, others []*journal) (*difference, error) {
	above, err := a.nested.list(a.host.kernel, a.j.Device, others)
	if err != nil {
		return nil, fmt.Errorf("read this host's network: %w", err)
	}
	want.ruled = a.numbers != numbers{}
	if err := a.number(&want); err != nil {
		return nil, fmt.Errorf("choose traffic: %w", err)
	}
	notPast := func(w way) bool { return a.owns(w) || slices.Contains(above, w.Device) }
	looked := a.lookedAt(want)
	if want.Chosen == nil && a.want.Chosen != nil {
		looked.Chosen = a.want.Chosen
		if err := a.number(&looked); err != nil {
			return nil, fmt.Errorf("choose traffic: %w", err)
		}
	}
	seen, err := a.host.observe(ctx, looked, notPast)
	if err != nil {
		return nil, err
	}
	seen.resolver.await(a.j.changes)
	up, addresses := seen.link.Up, slices.Clone(seen.addresses)
	d := new(difference)
	later := heirs(others)
	for _, c := range slices.Backward(a.j.changes) {
		heir := heirOf(c, later)
		if c.without(&seen) || heir != nil && heir.without(&seen) {
			d.held = append(d.held, c)
		}
	}
	slices.Reverse(d.held)
	for _, c := range sharedChanges(others) {
		c.without(&seen)
	}
	if up && seen.limits.unkept == nil {
		seen.lost = lostRoutes(want, addresses, seen.routes)
	}
	d.plan = newPlan(want, seen)
	return d, nil
}

// lookedAt returns want with what only the previous State has. The host is examined
// for that too, or it would count as lost and stay.
func (a *Applied) lookedAt(want State) State {
	if want.DNS == nil {
		want.DNS = a.want.DNS
	}
	if want.Forward == nil {
		want.Forward = a.want.Forward
	}
	want.also = a.want.tables()
	want.Advertised = want.Advertised || a.want.Advertised
	return want
}

// owns reports whether a route is this State's.
func (a *Applied) owns(w way) bool {
	return w.Device == a.j.Device || slices.ContainsFunc(a.j.changes, func(c change) bool {
		r, ok := c.(*routeChange)
		return ok && r.Way.same(w)
	})
}

// make tries the changes of a plan that are not held yet. An error is fatal.
func (a *Applied) make(ctx context.Context, plan Plan) (made []change, failures []Failure, err error) {
	failures = plan.failures
	missing := slices.DeleteFunc(slices.Clone(plan.changes), setOf(a.j.changes).has)
	var cut []netip.Prefix // destinations whose bypass failed
	for n := 0; len(missing) > 0; missing = missing[n:] {
		n = together(missing)
		if err := ctx.Err(); err != nil {
			return made, nil, context.Cause(ctx)
		}
		if err := a.announce(missing[:n]); err != nil {
			return made, nil, fmt.Errorf("%s: %w", missing[0], err)
		}
		for _, c := range missing[:n] {
			err := errors.Join(cutsOff(c, cut), mixes(c, failures, plan))
			if err == nil {
				err = a.one(ctx, c)
			}
			if err == nil {
				made = append(made, c)
				a.nested.leads(c)
				continue
			}
			f, fatal := a.judge(c, err)
			if fatal != nil {
				return made, nil, fatal
			}
			if r, ok := c.(*routeChange); ok && r.Bypass {
				cut = append(cut, r.Way.Dst)
			}
			failures = append(failures, f)
		}
	}
	return made, failures, nil
}

// together returns how many of the next changes are journalled at once: one, or all
// the routes that come next, since each time the whole journal is written.
func together(changes []change) int {
	n := slices.IndexFunc(changes, func(c change) bool { _, ok := c.(*routeChange); return !ok })
	if n < 0 {
		n = len(changes)
	}
	return max(n, 1)
}

// announce journals changes that are about to be made.
func (a *Applied) announce(changes []change) error {
	with := *a.j
	with.changes = slices.Concat(a.j.changes, changes)
	if err := a.host.store.save(&with); err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	return nil
}

// mixes refuses to forward packets where the table that was to keep clients apart
// is missing.
func mixes(c change, failures []Failure, plan Plan) error {
	if s, ok := c.(*settingChange); !ok || s.Name != forward4 && s.Name != forward6 {
		return nil
	}
	for _, o := range plan.changes {
		t, ok := o.(*tableChange)
		failed := func(f Failure) bool { return f.What == tableFailure }
		if ok && t.Apart && slices.ContainsFunc(failures, failed) {
			return errors.New("not switched on, because clients could not be kept apart; write client-to-client if they may reach each other")
		}
	}
	return nil
}

// cutsOff refuses a route that would lead into the tunnel a destination that must stay
// outside it.
func cutsOff(c change, cut []netip.Prefix) error {
	r, ok := c.(*routeChange)
	if !ok || r.Bypass {
		return nil
	}
	for _, dst := range cut {
		if r.Way.Dst.Overlaps(dst) && r.Way.Dst.Bits() <= dst.Bits() {
			return fmt.Errorf("not added, because %s must stay outside the tunnel and could not be kept there", dst)
		}
	}
	return nil
}

// tableFailure names what fails without a table.
const tableFailure = "packet rules"

// errJournal marks a change that was not tried because it could not be journalled.
var errJournal = errors.New("not changed")

// one makes a change that is journalled. If it fails, the next save drops it from the
// journal.
func (a *Applied) one(ctx context.Context, c change) error {
	if err := c.apply(ctx, a.host.kernel); err != nil {
		return errors.Join(err, a.takeBackHalf(ctx, c))
	}
	a.j.changes = append(a.j.changes, c)
	return nil
}

// takeBackHalf undoes what a failed write of a file may have left. Other
// changes are made whole or not at all.
func (a *Applied) takeBackHalf(ctx context.Context, c change) error {
	if _, ok := c.(*fileChange); !ok {
		return nil
	}
	_, err := c.undo(context.WithoutCancel(ctx), a.host.kernel, nil)
	return err
}

// judge returns a failure after which the tunnel still works, or a fatal error.
func (a *Applied) judge(c change, err error) (Failure, error) {
	if errors.Is(err, ErrPermission) {
		return Failure{}, fmt.Errorf("%s: %w", c, err)
	}
	switch c := c.(type) {
	case *routeChange:
		return routeFailure(c.Way.Dst, err), nil
	case *settingChange:
		return Failure{What: c.serves(), Err: fmt.Errorf("%s: %w", c, err)}, nil
	case *ruleChange, *groupChange, *chosenChange:
		if r, ok := c.(*ruleChange); ok && r.Rule.From.IsValid() {
			return Failure{What: "connections from " + r.Rule.From.Addr().String(), Err: fmt.Errorf("%s: %w", c, err)}, nil
		}
		return Failure{What: chosenFailure, Err: fmt.Errorf("%s: %w", c, err)}, nil
	case *tableChange:
		return Failure{What: tableFailure, Err: fmt.Errorf("%s: %w", c, err)}, nil
	case *fileChange, *linkDNSChange:
		return Failure{What: "name resolution", Err: fmt.Errorf("%s: %w", c, err)}, nil
	case *outsideDNSChange:
		if errors.Is(err, errGone) { // no packet filter in this kernel
			return Failure{What: "DNS outside the tunnel", Err: err}, nil
		}
	case *addressChange:
		if errors.Is(err, errNoIPv6) {
			return Failure{What: "address " + c.Address.String(), Err: err}, nil
		}
	}
	if errors.Is(err, errGone) {
		err = fmt.Errorf("%w (%w)", ErrNoDevice, err)
	}
	return Failure{}, fmt.Errorf("%s: %w", c, err)
}

// Update brings the host from the State applied to another one of the same
// device, making only the changes between them, and those the host has lost
// meanwhile: after a reconnect, or when the machine changed its network. The
// errors are Apply's, but after a fatal one the changes made so far stay,
// for another Update or Undo.
func (a *Applied) Update(ctx context.Context, want State) error {
	if err := want.check(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if want.Device != a.j.Device {
		return fmt.Errorf("update of %s: the State is for device %s; undo this one and apply that", a.j.Device, want.Device)
	}
	return a.updateTo(ctx, want)
}

// updateTo is Update of a State that was checked, for a caller that has the lock.
func (a *Applied) updateTo(ctx context.Context, want State) error {
	unlock, err := a.host.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	others := a.host.living(a.j)
	d, err := a.compare(ctx, want, others)
	if err != nil {
		return err
	}
	a.j.changes = d.held // what is gone already needs no undoing
	meanwhile := d.meanwhile(a.j.Device)
	a.hold(ctx, meanwhile)
	if err := a.undo(ctx, butNot(d.stale(), meanwhile), others, a.host.log); err != nil {
		return errors.Join(err, a.letGo(ctx, meanwhile, others))
	}
	err = a.reach(ctx, want, others, meanwhile)
	return errors.Join(err, a.letGo(ctx, meanwhile, others), a.host.store.save(a.j))
}

// Changes lists the changes in force, in the order they were made, one line
// each.
func (a *Applied) Changes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	lines := make([]string, len(a.j.changes))
	for i, c := range a.j.changes {
		lines[i] = c.String()
	}
	return lines
}
