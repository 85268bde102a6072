package hostnet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Fence keeps the packets of this host, and those it forwards, from leaving it but through
// tunnels of this program (`block-outside`). Besides, these may leave: packets to this host
// itself, what has OwnMark or Mark, DHCP, neighbour and router discovery of IPv6, and what
// goes to the networks of Open. Everything else is refused at once, with an answer. A Fence
// has no adapter, so it can stand before there is one. Linux only.
type Fence struct {
	Name string // of the fence on this host: up to 32 letters, digits and hyphens
	Open []netip.Prefix
	Mark uint32 // of a client whose own packets have another mark than OwnMark; 0: none
	// Persist has the fence outlive a process that is killed: it stands until a process
	// encloses the host by the same name, or Cleanup. Without it, the next process that
	// changes this host takes it away.
	Persist bool
}

// OwnMark is the mark of a client's own packets, those to the server and questions for
// its name, by which fences and the block of names outside the tunnel know them. Only a
// process with rights can set one (socket(7), SO_MARK).
const OwnMark = 0x94

// CanMark reports whether packets can have a mark on this system.
const CanMark = runtime.GOOS == "linux"

// fencedGroup is the group of the adapters of clients that fences let everything through
// to, of any process.
const fencedGroup = 1195

// fenceNames are the names that become parts of file names and of tables.
var fenceNames = regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`)

func (f Fence) check() error {
	if !fenceNames.MatchString(f.Name) {
		return fmt.Errorf("fence %q: expected a name of up to 32 letters, digits and hyphens", f.Name)
	}
	for _, p := range f.Open {
		if !p.IsValid() {
			return fmt.Errorf("fence %s: an open network that is not valid", f.Name)
		}
	}
	return nil
}

// table is the name of the fence's table.
func (f Fence) table() string { return "culvert-fence-" + f.Name }

// fenceChange adds the table of a fence.
type fenceChange struct{ Fence }

func (c *fenceChange) String() string {
	text := "add nftables table inet " + c.table() + ": let packets leave through tunnels only"
	if len(c.Open) > 0 {
		text += ", and to " + join(c.Open)
	}
	return text
}

func (c *fenceChange) apply(_ context.Context, k kernel) error { return k.addFence(c.Fence) }

func (c *fenceChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	return removed(named("nftables table inet "+c.table()), k.delTable(c.table()))
}

// without is for changes of a State, of which a fence is none.
func (c *fenceChange) without(*observed) bool { return false }

// fenceKernel keeps packets in.
type fenceKernel interface {
	// addFence replaces a fence of that name, without a moment between the two.
	addFence(f Fence) error
	// hasFence reports whether the fence is there, with as many rules.
	hasFence(f Fence) (bool, error)
}

// Enclosed is a Fence that stands until Undo. It is safe for concurrent use.
type Enclosed struct {
	host *host
	stop context.CancelFunc
	done chan struct{} // closed when nobody looks after it any more

	mu sync.Mutex
	j  *journal
}

// Enclose puts a Fence around this host. It is in the journal before, is put back when
// somebody removes it, and takes the place of one of its name that a killed process left,
// without a moment between the two. The error wraps ErrPermission, ErrBusy where another
// living process has a fence of that name, or the context's cause; nothing is changed then.
func Enclose(ctx context.Context, f Fence, opts Options) (*Enclosed, error) {
	h, err := newHost(opts)
	if err != nil {
		return nil, err
	}
	e, err := h.enclose(ctx, f)
	if err == nil {
		e.keep()
	}
	return e, err
}

func (h *host) enclose(ctx context.Context, f Fence) (*Enclosed, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	err := PrivateDir(h.store.dir)
	var unlock func()
	if err == nil {
		unlock, err = h.lock(ctx)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, whyOpen(fmt.Errorf("%w (state directory: %w)", ErrPermission, err))
	case err != nil:
		return nil, fmt.Errorf("state directory: %w", err)
	}
	defer unlock()
	j := &journal{Device: "fence-" + f.Name, Space: h.store.space, Owner: h.self}
	before, err := h.standing(j)
	if err != nil {
		return nil, err
	}
	c := &fenceChange{f}
	j.changes = append(before, c)
	if err := h.store.save(j); err != nil {
		return nil, err
	}
	if err := c.apply(ctx, h.kernel); err != nil {
		j.changes = before
		if before == nil {
			return nil, errors.Join(whyOpen(err), h.store.remove(j))
		}
		return nil, errors.Join(whyOpen(err), h.store.save(j))
	}
	h.opts.Logger.Info(c.String())
	j.changes = []change{c}
	return &Enclosed{host: h, j: j}, h.store.save(j)
}

// standing returns what a killed process left of a fence of this name. It fails with
// ErrBusy if the process lives.
func (h *host) standing(own *journal) ([]change, error) {
	js, _ := h.store.load() // those that cannot be read are Cleanup's
	for _, j := range js {
		switch {
		case j.Device != own.Device || j.foreign:
		case h.store.alive(j.Owner) && j.Owner != own.Owner:
			return nil, fmt.Errorf("block-outside: %w by process %d, which runs the same profile; stop it first", ErrBusy, j.Owner.PID)
		default:
			return j.changes, nil
		}
	}
	return nil, nil
}

// whyOpen says why there is no fence, and what to do.
func whyOpen(err error) error {
	switch {
	case errors.Is(err, ErrPermission):
		return fmt.Errorf("block-outside: %w; or remove block-outside (--kill-switch), and packets may leave outside the tunnel", err)
	case errors.Is(err, errGone):
		return fmt.Errorf("block-outside: this kernel has no nftables (%w): load the module nf_tables, or remove block-outside (--kill-switch)", err)
	}
	return fmt.Errorf("block-outside: %w", err)
}

// keep puts the fence back when somebody removes it.
func (e *Enclosed) keep() {
	enter, err := sameNamespace(e.host.store.space)
	if err != nil {
		e.unkept(err)
		return
	}
	e.keepFrom(enter)
}

// keepFrom keeps the fence up on a goroutine that calls enter first.
func (e *Enclosed) keepFrom(enter func() error) {
	ctx, stop := context.WithCancel(context.Background())
	e.stop, e.done = stop, make(chan struct{})
	go func() {
		defer close(e.done)
		if err := enter(); err != nil {
			e.unkept(err)
			return
		}
		triggers, err := e.host.kernel.watch(ctx, e.host.opts.ResolvConf)
		if err != nil {
			e.host.opts.Logger.Info("not all network changes are reported here, so the fence is checked regularly", "every", lookEvery, "error", err)
		}
		e.run(ctx, triggers)
	}()
}

// run looks after the fence at each change of the network, and regularly.
func (e *Enclosed) run(ctx context.Context, triggers <-chan trigger) {
	regularly := time.NewTicker(lookEvery)
	defer regularly.Stop()
	for {
		select {
		case t := <-triggers:
			e.look(ctx, t.by)
		case <-regularly.C:
			e.look(ctx, "")
		case <-ctx.Done():
			return
		}
	}
}

func (e *Enclosed) unkept(why error) {
	e.host.opts.Logger.Warn("if another program removes what keeps packets from leaving outside the tunnel, it is not put back", "error", why)
}

// look puts the fence back at once if it is gone.
func (e *Enclosed) look(ctx context.Context, by string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.j.changes {
		f, ok := c.(*fenceChange)
		if !ok {
			continue
		}
		if there, err := e.host.kernel.hasFence(f.Fence); there || err != nil && !errors.Is(err, errGone) || ctx.Err() != nil {
			continue
		}
		if err := f.apply(ctx, e.host.kernel); err != nil {
			e.host.opts.Logger.Error("packets may leave outside the tunnel: what kept them was removed, and cannot be put back", "changed-by", by, "error", whyOpen(err))
			continue
		}
		e.host.opts.Logger.Warn("put back what keeps packets from leaving outside the tunnel", "table", f.table(), "changed-by", by)
	}
}

// Update changes the fence to another of the same name.
func (e *Enclosed) Update(ctx context.Context, to Fence) error {
	if err := to.check(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.j.Device != "fence-"+to.Name {
		return fmt.Errorf("the fence %s cannot become %s", e.j.Device, to.Name)
	}
	unlock, err := e.host.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	c := &fenceChange{to}
	if err := c.apply(ctx, e.host.kernel); err != nil {
		return whyOpen(err)
	}
	e.j.changes = []change{c}
	return e.host.store.save(e.j)
}

// Undo takes the fence away.
func (e *Enclosed) Undo(ctx context.Context) error {
	if e.stop != nil {
		e.stop()
		<-e.done
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	unlock, err := e.host.lock(ctx)
	if err != nil && !errors.Is(err, errGone) {
		return err
	}
	if err == nil {
		defer unlock()
	}
	return e.host.undo(ctx, e.j, func(change) bool { return true }, nil, e.host.log)
}

// persists reports whether a journal is of a fence that outlives its process.
func persists(j *journal) bool {
	return slices.ContainsFunc(j.changes, func(c change) bool {
		f, ok := c.(*fenceChange)
		return ok && f.Persist
	})
}
