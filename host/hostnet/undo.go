package hostnet

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Undo undoes all changes, the last first. What is gone already, as with a device
// that was removed, is no error. What somebody changed meanwhile is left and
// logged. After an error the rest is still undone, and what could not be is kept
// for another Undo or Cleanup.
func (a *Applied) Undo(ctx context.Context) error {
	a.release()
	a.mu.Lock()
	defer a.mu.Unlock()
	unlock, err := a.host.lock(ctx)
	if err != nil && !errors.Is(err, errGone) { // a directory that was removed must not keep the changes
		return err
	}
	if err == nil {
		defer unlock()
	}
	return a.undoAll(ctx, a.host.living(a.j))
}

func (a *Applied) undoAll(ctx context.Context, others []*journal) error {
	return a.undo(ctx, func(change) bool { return true }, others, a.host.log)
}

// undo undoes the changes that drop picks and updates the journal.
func (a *Applied) undo(ctx context.Context, drop func(change) bool, others []*journal, say func([]told)) error {
	return a.host.undo(ctx, a.j, drop, heirs(others), say)
}

func (h *host) undo(ctx context.Context, j *journal, drop func(change) bool, heirs map[string]change, say func([]told)) error {
	var kept []change
	var done []told
	var errs []error
	for _, c := range slices.Backward(j.changes) {
		if !drop(c) {
			kept = append(kept, c)
			continue
		}
		o, err := c.undo(ctx, h.kernel, heirOf(c, heirs))
		if err != nil {
			kept = append(kept, c)
			errs = append(errs, err)
		}
		if o.line != "" {
			done = append(done, told{outcome: o, of: c})
		}
	}
	say(done)
	slices.Reverse(kept)
	j.changes = kept
	if len(kept) == 0 {
		return errors.Join(append(errs, h.store.remove(j))...)
	}
	return errors.Join(append(errs, h.store.save(j))...)
}

func heirOf(c change, heirs map[string]change) change {
	if s, ok := c.(shared); ok {
		return heirs[s.sharedKey()]
	}
	return nil
}

// log logs changes made, undone or left.
func (h *host) log(ts []told) {
	for _, o := range summary(ts, func(line string) { h.opts.Logger.Debug(line) }) {
		if o.left {
			h.opts.Logger.Warn(o.line)
		} else {
			h.opts.Logger.Info(o.line)
		}
	}
}

// living returns the journals of other live processes. It leaves out those that cannot
// be read; Cleanup reports them.
func (h *host) living(j *journal) []*journal {
	js, _ := h.store.load()
	alive, _ := h.store.split(except(js, j))
	return alive
}

func (h *host) cleanup(ctx context.Context) ([]string, error) {
	unlock, err := h.lock(ctx)
	if errors.Is(err, errGone) {
		return nil, nil // no directory, no journals
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	return h.undoDead(ctx, func(*journal) bool { return false })
}

// undoDead undoes the journals of dead processes, except those that spare picks. If
// several of them share something, the later ones count as heirs.
func (h *host) undoDead(ctx context.Context, spare func(*journal) bool) ([]string, error) {
	js, err := h.store.load()
	errs := []error{err}
	var lines []string
	alive, dead := h.store.split(js)
	dead = slices.DeleteFunc(dead, spare)
	orphans := h.store.orphans(js)
	js = slices.DeleteFunc(js, func(j *journal) bool { return j.foreign && !slices.Contains(alive, j) })
	for _, j := range dead {
		js = except(js, j)
		say := func(ts []told) { lines = append(lines, report(j, ts)...) }
		all := func(change) bool { return true }
		if err := h.undo(ctx, j, all, heirs(js), say); err != nil {
			errs = append(errs, fmt.Errorf("device %s: %w", j.Device, err))
		}
	}
	more, err := h.undoOrphans(ctx, orphans, alive)
	return append(lines, more...), errors.Join(append(errs, err)...)
}

// report gives a line for each thing undone or left.
func report(j *journal, ts []told) (lines []string) {
	for _, o := range summary(ts, func(string) {}) {
		lines = append(lines, j.Device+": "+o.line)
	}
	return lines
}

// groupsOf are the control groups of journals.
func groupsOf(js []*journal) map[string]bool {
	groups := map[string]bool{}
	for _, j := range js {
		for _, c := range j.changes {
			if g, ok := c.(*groupChange); ok {
				groups[g.Path] = true
			}
		}
	}
	return groups
}

// undoOrphans puts back the files that were changed in namespaces that are gone, and removes
// their control groups; every other change is gone with them. A file that this process does not find at
// its path, because it was mounted there, is left to a process that does. So is a group of
// the living, whose namespace has the number of one that is gone.
func (h *host) undoOrphans(ctx context.Context, orphans, alive []*journal) (lines []string, err error) {
	var errs []error
	groups := groupsOf(alive)
	for _, j := range orphans {
		here := func(c change) bool {
			if g, ok := c.(*groupChange); ok {
				return !groups[g.Path]
			}
			return c.(*fileChange).isHere(h.kernel, j.Space.Boot == h.store.space.Boot)
		}
		if len(j.changes) > 0 && !slices.ContainsFunc(j.changes, here) {
			continue
		}
		say := func(ts []told) { lines = append(lines, report(j, ts)...) }
		if err := h.undo(ctx, j, here, heirs(alive), say); err != nil {
			errs = append(errs, fmt.Errorf("device %s: %w", j.Device, err))
		}
	}
	return lines, errors.Join(errs...)
}
