package orders

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"culvert/store"
)

const (
	// patience is how long an order waits to be taken.
	patience = 10 * time.Second
	// mostWaiting is how many orders of one process wait at once.
	mostWaiting = 64
)

// Errors of Ask, besides a *Fault, and those of the store and of contexts.
var (
	ErrNobody = errors.New("no process carries out what needs the server's directory: it is served without --dir, or the process that stayed root for it has failed, as its log says")
	ErrLate   = errors.New("there was no answer in time from the process that has the server's directory; what it was asked may be done all the same")
	ErrBusy   = errors.New("too much is being asked of the process that has the server's directory; try again in a moment")
)

// Asker gives orders. Make it with NewAsker. It is safe for concurrent use.
type Asker struct {
	store   store.Store
	waiting chan struct{}
}

// NewAsker returns what gives orders by a store.
func NewAsker(s store.Store) *Asker { return &Asker{s, make(chan struct{}, mostWaiting)} }

// Caller is who wants an order carried out, for the audit log.
type Caller struct{ By, Command string }

// Ask has an order of a kind carried out, waits for its answer and reads it into result.
// What it was refused for is a *Fault. When ctx ends, an order that nobody took is taken
// back; one that was taken is carried out.
func (a *Asker) Ask(ctx context.Context, kind string, by Caller, body, result any) error {
	select {
	case a.waiting <- struct{}{}:
		defer func() { <-a.waiting }()
	default:
		return ErrBusy
	}
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	o := &Order{ID: newID(), Kind: kind, Asked: now, Expires: now.Add(Life), By: by.By, Command: by.Command, Seal: private.PublicKey().Bytes()}
	if o.Body, err = json.Marshal(body); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return fmt.Errorf("order %s: %w", kind, err)
	}
	put, err := o.put()
	if err != nil {
		return err
	}
	at, err := a.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: put.Key}}, Put: []store.Put{put}})
	if err != nil {
		return err
	}
	done, err := a.await(ctx, o.ID, at)
	// It is of no use to anybody else, whatever came of it, and whether or not ctx ended.
	_, undone := a.store.Commit(context.WithoutCancel(ctx), store.Txn{Delete: []string{put.Key}})
	if err != nil {
		return err
	}
	got, err := done.open(private)
	switch {
	case err != nil:
		return err
	case got.Fault != nil:
		return got.Fault
	case undone != nil:
		return undone
	}
	return json.Unmarshal(got.Result, result)
}

// await returns an order when it has its answer.
func (a *Asker) await(ctx context.Context, id string, after store.Revision) (*Order, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	taken := time.AfterFunc(patience, func() { cancel(ErrNobody) })
	defer taken.Stop()
	answered := time.AfterFunc(Life, func() { cancel(ErrLate) })
	defer answered.Stop()
	for {
		for changes, err := range a.store.Watch(ctx, key(id), after) {
			if errors.Is(err, store.ErrCompacted) {
				break
			}
			if err != nil {
				return nil, err
			}
			for _, c := range changes {
				o, err := changed(c)
				if err != nil || o.Answer != nil {
					return o, err
				}
				if o.Taken {
					taken.Stop()
				}
			}
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		e, err := a.store.Get(ctx, key(id))
		if err != nil {
			return nil, err
		}
		if o, err := Parse(e); err != nil || o.Answer != nil {
			return o, err
		}
		after = e.Revision
	}
}

// changed is an order as a change left it.
func changed(c store.Change) (*Order, error) {
	if c.Deleted {
		return nil, ErrLate
	}
	return Parse(c.Entry)
}
