package hostnet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Standing is a fence that stands on this host.
type Standing struct {
	Fence // of one that nothing is noted of, its Name alone is known
	// Noted says that the state directory has a note of it.
	Noted bool
	// PID is the process that looks after it; 0: it has ended, or none is noted.
	PID int
}

// Left is what processes of this program have changed on this host and not taken back, as
// far as it matters to others.
type Left struct {
	Fences []Standing
	// Changes are what processes that ended without an end in good order noted, but for
	// fences: a line each. Some of it may be gone by itself, such as an adapter with its routes.
	Changes []string
}

// LookAtLeft looks for what stands of fences, of living processes too, and for what dead
// processes have noted, and changes nothing. The error wraps ErrPermission where only root
// can see.
func LookAtLeft(opts Options) (Left, error) {
	h, err := newHost(opts)
	if err != nil {
		return Left{}, err
	}
	return h.lookAtLeft()
}

func (h *host) lookAtLeft() (left Left, err error) {
	tables, err := h.kernel.fenceTables()
	if err != nil && !errors.Is(err, errGone) {
		return left, err
	}
	js, err := h.store.load()
	if errors.Is(err, fs.ErrPermission) {
		return left, fmt.Errorf("%w: %w", ErrPermission, err)
	}
	for _, name := range tables {
		f := Standing{Fence: Fence{Name: strings.TrimPrefix(name, fencePrefix)}}
		for _, j := range js {
			if of := fenceOf(j); of == nil || j.foreign || of.Table() != name {
				continue
			} else if f.Fence, f.Noted = *of, true; h.store.alive(j.Owner) {
				f.PID = j.Owner.PID
			}
		}
		left.Fences = append(left.Fences, f)
	}
	left.Fences = h.stillThere(left.Fences)
	_, dead := h.store.split(js)
	for _, j := range dead {
		for _, c := range j.changes {
			if _, fence := c.(*fenceChange); !fence {
				left.Changes = append(left.Changes, j.Device+": "+c.String())
			}
		}
	}
	return left, err // of notes that cannot be read, beside what can
}

// stillThere leaves out fences without a note that are not there any more: the note of one
// that was taken away meanwhile went after it.
func (h *host) stillThere(fences []Standing) []Standing {
	if !slices.ContainsFunc(fences, func(f Standing) bool { return !f.Noted }) {
		return fences
	}
	tables, err := h.kernel.fenceTables()
	return slices.DeleteFunc(fences, func(f Standing) bool { return !f.Noted && err == nil && !slices.Contains(tables, f.Table()) })
}

// UndoLeft is Cleanup, but for fences that persist: those were asked to stand.
func UndoLeft(ctx context.Context, opts Options) ([]string, error) {
	h, err := newHost(opts)
	if err != nil {
		return nil, err
	}
	return h.undoLeft(ctx)
}

func (h *host) undoLeft(ctx context.Context) ([]string, error) {
	unlock, err := h.lock(ctx)
	if errors.Is(err, errGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	return h.undoDead(ctx, persists)
}
