package renewals

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"culvert/operate/setup"
	"culvert/store"
)

// Authority answers orders of clients, in the process that may sign.
type Authority struct {
	Dir   string      // the server's directory
	Store store.Store // with the orders
	Log   *slog.Logger
	Now   func() time.Time
	// Barred returns why a common name may not have a certificate, or nil.
	Barred func(commonName string) error

	// broken is when the authority's key could not be used, or did not sign: it is left
	// alone for a while, since a token locks itself after a few wrong PINs.
	broken time.Time
}

// errBroken is why nothing is signed for a while.
var errBroken = errors.New("the authority's key could not be used a while ago")

// Run answers orders until ctx ends, or the store fails.
func (a *Authority) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := each(ctx, a.Store, a.answer); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// answer answers an order that has no answer.
func (a *Authority) answer(ctx context.Context, e store.Entry, o *order) error {
	if o.answered() {
		return nil
	}
	if age := a.Now().Sub(o.Asked).Abs(); age > orderAge {
		return ignoreConflict(a.Store.Commit(ctx, store.Txn{If: []store.Compare{{Key: e.Key, Revision: e.Revision}}, Delete: []string{e.Key}}))
	}
	a.sign(o)
	put, err := o.put()
	if err != nil {
		return err
	}
	return ignoreConflict(a.Store.Commit(ctx, store.Txn{If: []store.Compare{{Key: e.Key, Revision: e.Revision}}, Put: []store.Put{put}}))
}

// sign sets the answer to an order.
func (a *Authority) sign(o *order) {
	err := a.certify(o)
	if errors.Is(err, setup.ErrNoKey) || errors.Is(err, setup.ErrUnsigned) {
		a.broken = a.Now()
	}
	switch {
	case errors.Is(err, errBroken):
		o.Refused = err.Error()
	case err != nil:
		a.Log.Warn("the certificate of a client is not renewed over its session", "client", o.Name, "error", err)
		o.Refused = "the server's log says why"
	}
}

func (a *Authority) certify(o *order) error {
	if !a.broken.IsZero() && a.Now().Sub(a.broken).Abs() < again {
		return errBroken
	}
	shown, err := o.shown()
	if err != nil {
		return err
	}
	if err := a.Barred(o.Name); err != nil {
		return err
	}
	next, err := setup.Certify(a.Dir, a.Now(), shown, o.Request)
	if err != nil {
		return err
	}
	o.Certificate = next.Raw
	return nil
}

// each calls take for each order that is in a store, and each that is put there, until ctx
// ends. Records that cannot be read are left.
func each(ctx context.Context, s store.Store, take func(context.Context, store.Entry, *order) error) error {
	snap, err := s.List(ctx, orders)
	if err != nil {
		return err
	}
	for _, e := range snap.Entries {
		if o, err := readOrder(e); err == nil {
			if err := take(ctx, e, o); err != nil {
				return err
			}
		}
	}
	for changes, err := range s.Watch(ctx, orders, snap.Revision) {
		if errors.Is(err, store.ErrCompacted) {
			return nil // list again
		}
		if err != nil {
			return err
		}
		for _, c := range changes {
			if c.Deleted {
				continue
			}
			if o, err := readOrder(c.Entry); err == nil {
				if err := take(ctx, c.Entry, o); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func ignoreConflict(_ store.Revision, err error) error {
	if errors.As(err, new(*store.ConflictError)) {
		return nil
	}
	return err
}

// pause waits for a moment before what failed is tried again.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
	}
}
