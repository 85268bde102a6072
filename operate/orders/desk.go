package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"culvert/store"
)

// Work is what carries out the orders of a kind.
type Work struct {
	// Lane names those kinds of which one order is carried out at a time.
	Lane string
	// Do carries out an order, and returns the result. Its error goes to who asked as it is,
	// if it is a *Fault, and otherwise as a fault of the code "failed".
	Do func(ctx context.Context, o *Order) (result any, err error)
	// Pace bounds how many are carried out; nil: nothing does.
	Pace *Pace
}

// mostQueued is how many orders of a lane wait.
const mostQueued = 64

// Desk carries out orders.
type Desk struct {
	Store store.Store
	Log   *slog.Logger
	Kinds map[string]Work
}

// Run carries out orders until ctx ends, or the store fails.
func (d *Desk) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel(nil)
	lanes := make(map[string]chan taken)
	for _, w := range d.Kinds {
		if lanes[w.Lane] != nil {
			continue
		}
		lane := make(chan taken, mostQueued)
		lanes[w.Lane] = lane
		working.Go(func() {
			if err := d.work(ctx, lane); err != nil {
				cancel(err)
			}
		})
	}
	for ctx.Err() == nil {
		if err := d.each(ctx, lanes); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// taken is an order that this process has to carry out, with its revision.
type taken struct {
	order *Order
	at    store.Revision
}

// each takes each order that is in the store, and each that is put there, until ctx ends or
// changes were missed.
func (d *Desk) each(ctx context.Context, lanes map[string]chan taken) error {
	snap, err := d.Store.List(ctx, Prefix)
	if err != nil {
		return err
	}
	for _, e := range snap.Entries {
		if err := d.take(ctx, e, lanes); err != nil {
			return err
		}
	}
	for changes, err := range d.Store.Watch(ctx, Prefix, snap.Revision) {
		if errors.Is(err, store.ErrCompacted) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, c := range changes {
			if c.Deleted {
				continue
			}
			if err := d.take(ctx, c.Entry, lanes); err != nil {
				return err
			}
		}
	}
	return nil
}

// take takes an order that nobody has taken. Records that are none, and orders that are
// over, are removed: nobody waits for them.
func (d *Desk) take(ctx context.Context, e store.Entry, lanes map[string]chan taken) error {
	at := []store.Compare{{Key: e.Key, Revision: e.Revision}}
	o, err := Parse(e)
	if errors.Is(err, store.ErrNewer) {
		return nil
	}
	if err != nil || o.over(time.Now()) {
		return ignoreConflict(d.Store.Commit(ctx, store.Txn{If: at, Delete: []string{e.Key}}))
	}
	if o.Taken || o.Answer != nil {
		return nil
	}
	w, known := d.Kinds[o.Kind]
	fault := (*Fault)(nil)
	switch {
	case !known:
		fault = &Fault{Code: "not-carried-out", Message: fmt.Sprintf("the process that has the server's directory does not know what %q is", o.Kind), Mend: "restart the server, so that both are of one version"}
	case w.Pace != nil && !w.Pace.take(time.Now()):
		fault = &Fault{Code: "too-many", Message: "more was signed for calls in the last minutes than is allowed", Mend: "wait a few minutes, or run the command on the server's host, which is not limited"}
	case len(lanes[w.Lane]) == cap(lanes[w.Lane]): // nobody else adds to it
		fault = &Fault{Code: "busy", Message: ErrBusy.Error()}
	}
	o.Taken = true
	if fault != nil {
		if err := o.seal(answer{Fault: fault}); err != nil {
			return err
		}
	}
	put, err := o.put()
	if err != nil {
		return err
	}
	revision, err := d.Store.Commit(ctx, store.Txn{If: at, Put: []store.Put{put}})
	if err != nil || fault != nil {
		return ignoreConflict(revision, err)
	}
	lanes[w.Lane] <- taken{o, revision}
	return nil
}

// work carries out the orders of a lane.
func (d *Desk) work(ctx context.Context, lane <-chan taken) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case t := <-lane:
			if t.order.over(time.Now()) {
				continue // who asked was told so
			}
			if err := d.answer(ctx, t); err != nil {
				return err
			}
		}
	}
}

func (d *Desk) answer(ctx context.Context, t taken) error {
	a := d.carryOut(ctx, t.order)
	if err := t.order.seal(a); err != nil {
		d.Log.Warn("the answer to an order cannot be given", "kind", t.order.Kind, "error", err)
		if err := t.order.seal(answer{Fault: &Fault{Code: "failed", Message: err.Error()}}); err != nil {
			return err
		}
	}
	put, err := t.order.put()
	if err != nil {
		return err
	}
	return ignoreConflict(d.Store.Commit(ctx, store.Txn{If: []store.Compare{{Key: put.Key, Revision: t.at}}, Put: []store.Put{put}}))
}

func (d *Desk) carryOut(ctx context.Context, o *Order) answer {
	ctx, cancel := context.WithDeadline(ctx, o.Expires)
	defer cancel()
	result, err := d.Kinds[o.Kind].Do(ctx, o)
	if fault := new(Fault); errors.As(err, &fault) {
		return answer{Fault: fault}
	}
	if err == nil {
		var text json.RawMessage
		if text, err = json.Marshal(result); err == nil {
			return answer{Result: text}
		}
	}
	return answer{Fault: &Fault{Code: "failed", Message: err.Error()}}
}

// Read reads what an order asks, with all its fields known.
func (o *Order) Read(body any) error {
	_, err := store.Decode(store.Entry{Key: key(o.ID), Value: fmt.Appendf(nil, `{"v":1,"r":%s}`, o.Body)}, 1, body)
	if err != nil {
		return &Fault{Code: "not-carried-out", Message: "the process that has the server's directory cannot read what it is asked", Mend: "restart the server, so that both are of one version"}
	}
	return nil
}

func ignoreConflict(_ store.Revision, err error) error {
	if errors.As(err, new(*store.ConflictError)) {
		return nil
	}
	return err
}

// Pace lets a number of orders through at once, and then one each so often. It is safe for
// concurrent use.
type Pace struct {
	Burst int
	Every time.Duration

	mu   sync.Mutex
	full time.Time // when all of Burst is there again
}

func (p *Pace) take(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full.Before(now) {
		p.full = now
	}
	if p.full.Sub(now) > time.Duration(p.Burst-1)*p.Every {
		return false
	}
	p.full = p.full.Add(p.Every)
	return true
}
