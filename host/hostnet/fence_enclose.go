package hostnet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
)

// Enclosed is a Fence that stands until Undo, or is left standing by Leave. It is safe for
// concurrent use.
type Enclosed struct {
	host *host
	stop context.CancelFunc
	done chan struct{} // closed when nobody looks after it any more

	mu    sync.Mutex
	j     *journal
	fence Fence // that stands
	kept  fenceWatch
}

// Enclose puts a Fence around this host. It is in the journal before, is put back when
// somebody removes or changes it, and takes the place of what a dead process left of its
// name or content, without a moment between the two. The error wraps ErrPermission, ErrBusy
// where another living process has a fence of that name, or the context's cause; nothing is
// changed then.
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
	e := &Enclosed{host: h, j: &journal{Device: "fence-" + f.Name, Space: h.store.space, Owner: h.self}}
	dead, err := h.predecessors(f)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(dead, func(j *journal) bool { return j.Device == e.j.Device }); i >= 0 {
		e.j.changes = dead[i].changes
		dead = slices.Delete(dead, i, i+1)
	}
	if err := e.become(ctx, f, dead); err != nil {
		return nil, err
	}
	h.opts.Logger.Info((&fenceChange{f}).String())
	h.tellOthers(f)
	return e, nil
}

// predecessors returns the journals of dead processes, the fences of which a new one
// replaces. It fails with ErrBusy if a process lives that has one of its name.
func (h *host) predecessors(f Fence) (dead []*journal, err error) {
	js, _ := h.store.load() // those that cannot be read are Cleanup's
	for _, j := range js {
		old := fenceOf(j)
		switch {
		case old == nil || j.foreign:
		case !h.store.alive(j.Owner) || j.Owner == h.self && old.Name == f.Name:
			if f.succeeds(*old) {
				dead = append(dead, j)
			}
		case old.Name == f.Name:
			return nil, fmt.Errorf("block-outside: %w by process %d, which runs the same profile; stop it first", ErrBusy, j.Owner.PID)
		}
	}
	return dead, nil
}

// become has the fence stand that is wanted, in the place of the one before and of those of
// other journals. What is wanted is journalled before it is done; an error means that
// nothing is done.
func (e *Enclosed) become(ctx context.Context, f Fence, instead []*journal) error {
	h, before := e.host, e.j.changes
	e.j.changes = append(slices.Clip(before), &fenceChange{f})
	if err := h.store.save(e.j); err != nil {
		return e.remain(before, err)
	}
	set, gone := e.beside(&f, instead)
	if err := ctx.Err(); err != nil {
		return e.remain(before, context.Cause(ctx))
	}
	if err := h.kernel.addFences(set, gone); err != nil {
		return e.remain(before, whyOpen(err))
	}
	e.fence = f
	e.kept.exactly, _ = h.kernel.hasFence(f, true)
	for _, j := range instead {
		if err := h.store.remove(j); err != nil { // of what is gone
			h.opts.Logger.Warn("run `culvert cleanup` later, for the journal of what was replaced", "error", err)
		}
	}
	if len(before) > 0 {
		both := e.j.changes
		e.j.changes = both[len(before):]
		if err := h.store.save(e.j); err != nil {
			e.j.changes = both // which undoes it as well
			h.opts.Logger.Warn("the journal names what was replaced beside what stands", "error", err)
		}
	}
	return nil
}

// remain has the journal say what it said before something failed.
func (e *Enclosed) remain(before []change, why error) error {
	e.j.changes = before
	if len(before) == 0 {
		return errors.Join(why, e.host.store.remove(e.j))
	}
	return errors.Join(why, e.host.store.save(e.j))
}

// beside completes a fence by what those beside it need, and returns it with those that
// have to change for it, and the tables that it replaces.
func (e *Enclosed) beside(f *Fence, instead []*journal) (set []Fence, gone []string) {
	h := e.host
	js, _ := h.store.load()
	js = slices.DeleteFunc(js, func(j *journal) bool {
		same := func(o *journal) bool { return o.Device == j.Device && o.Space == j.Space }
		return j.foreign || fenceOf(j) == nil || slices.ContainsFunc(instead, same)
	})
	f.marks = marksOf(js) // its own is among them
	set = []Fence{*f}
	for _, j := range instead {
		gone = append(gone, fenceOf(j).Table())
	}
	if !unusual(f.Mark) {
		return set, gone
	}
	tables, _ := h.kernel.fenceTables()
	for _, j := range js {
		other := *fenceOf(j)
		if other.Name != f.Name && slices.Contains(tables, other.Table()) { // what somebody removed is its keeper's business
			other.marks = f.marks
			set = append(set, other)
		}
	}
	return set, gone
}

// tellOthers warns of what dead processes left and this one will leave standing.
func (h *host) tellOthers(f Fence) {
	for _, other := range h.left() {
		if !f.succeeds(other) {
			h.opts.Logger.Warn("a client that ended keeps packets in, too (block-outside persist): only networks that are open in both can be reached, and this host stays closed when this client ends", "profile", other.Profile, "table", other.Table(), "mend", h.opts.Cleanup())
		}
	}
}

// left returns the fences that dead processes left to persist, and nobody took away.
func (h *host) left() (list []Fence) {
	js, _ := h.store.load()
	there, err := h.kernel.fenceTables()
	for _, j := range js {
		f := fenceOf(j)
		if f != nil && !j.foreign && !h.store.alive(j.Owner) && persists(j) && err == nil && slices.Contains(there, f.Table()) {
			list = append(list, *f)
		}
	}
	return list
}

// LeftEnclosed returns the fences that dead processes left to persist on this host.
func LeftEnclosed(opts Options) []Fence {
	h, err := newHost(opts)
	if err != nil {
		return nil
	}
	return h.left()
}

// Update changes the fence to another of the same name. After an error it is as it was.
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
	return e.become(ctx, to, nil)
}

// Undo takes the fence away.
func (e *Enclosed) Undo(ctx context.Context) error {
	e.release()
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

// Leave has the fence stay as it is after this process, which nobody looks after then. It
// reports whether it does: one that does not persist has to be undone.
func (e *Enclosed) Leave() bool {
	e.mu.Lock()
	stays := e.fence.Persist
	e.mu.Unlock()
	if stays {
		e.release()
	}
	return stays
}

// release has nobody look after the fence any more.
func (e *Enclosed) release() {
	if e.stop != nil {
		e.stop()
		<-e.done
	}
}
