package hostnet

import (
	"context"
	"errors"
	"time"
)

// fenceWatch is what is known of a fence that is looked after.
type fenceWatch struct {
	// exactly: rules are compared, and not only counted. They are not where this kernel
	// returns them otherwise than it was given them.
	exactly bool
	// generation is that of the rules when the fence was found to be there; known says
	// that it is.
	generation uint32
	known      bool
	blind      bool // it cannot be looked at, which was said

	window time.Time // when the first of times was
	times  int       // it was put back
}

// A fence that is put back again and again is logged so often in a window.
const (
	oftenPutBack = 5
	putBackSpan  = time.Minute
)

// again notes that the fence was put back, and reports whether to log that, and whether
// this is the last time that it is logged for a while.
func (w *fenceWatch) again(now time.Time) (say, last bool) {
	if now.Sub(w.window) > putBackSpan {
		w.window, w.times = now, 0
	}
	w.times++
	return w.times <= oftenPutBack, w.times == oftenPutBack
}

// keep puts the fence back when somebody removes or changes it.
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

// look puts the fence back at once if it is gone or another one, and has it let the
// packets of clients through that have fences beside it by now.
func (e *Enclosed) look(ctx context.Context, by string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	k := e.host.kernel
	generation, err := k.ruleGeneration()
	known := err == nil
	if known && e.kept.known && generation == e.kept.generation {
		return
	}
	want := e.fence
	js, _ := e.host.store.load()
	want.marks = marksOf(e.host.here(js))
	there, err := k.hasFence(want, e.kept.exactly)
	switch {
	case err != nil && !errors.Is(err, errGone):
		if !e.kept.blind {
			e.unkept(err)
		}
		e.kept.blind = true
		return
	case there:
		e.fence, e.kept.generation, e.kept.known, e.kept.blind = want, generation, known, false
		return
	}
	asBefore, _ := k.hasFence(e.fence, e.kept.exactly) // and others came or went
	if err := k.addFences([]Fence{want}, nil); err != nil {
		e.host.opts.Logger.Error("packets may leave outside the tunnel: what kept them was removed, and cannot be put back", "changed-by", by, "error", whyOpen(err))
		return
	}
	e.fence, e.kept.known = want, false
	e.kept.exactly, _ = k.hasFence(want, true)
	if !asBefore {
		e.tell(by, time.Now())
	}
}

// tell logs that the fence was put back.
func (e *Enclosed) tell(by string, now time.Time) {
	say, last := e.kept.again(now)
	if say {
		e.host.opts.Logger.Warn("put back what keeps packets from leaving outside the tunnel", "table", e.fence.Table(), "changed-by", by)
	}
	if last {
		e.host.opts.Logger.Warn("another program keeps removing or changing what keeps packets from leaving outside the tunnel; from now on it is put back silently, and what leaves between gets out: stop that program", "table", e.fence.Table(), "changed-by", by)
	}
}

// here leaves out the journals of other network namespaces.
func (h *host) here(js []*journal) (list []*journal) {
	for _, j := range js {
		if !j.foreign {
			list = append(list, j)
		}
	}
	return list
}
