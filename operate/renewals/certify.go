package renewals

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"time"

	"culvert/operate/orders"
	"culvert/operate/setup"
	"culvert/store"
)

// Authority carries out orders of clients, in the process that may sign.
type Authority struct {
	Dir string // the server's directory
	Log *slog.Logger
	Now func() time.Time
	// Barred returns why a common name may not have a certificate, or nil.
	Barred func(commonName string) error

	// broken is when the authority's key could not be used, or did not sign: it is left
	// alone for a while, since a token locks itself after a few wrong PINs.
	broken time.Time
}

// errBroken is why nothing is signed for a while.
var errBroken = errors.New("the authority's key could not be used a while ago")

// Work is what carries out the orders of OrderKind, in a lane of those that sign.
func (a *Authority) Work(lane string) orders.Work {
	return orders.Work{Lane: lane, Do: func(_ context.Context, o *orders.Order) (any, error) {
		var asked order
		if err := o.Read(&asked); err != nil {
			return nil, err
		}
		return a.sign(&asked)
	}}
}

// sign carries out an order. Why it does not is told the client in a few words.
func (a *Authority) sign(o *order) (*issued, error) {
	next, err := a.certify(o)
	if errors.Is(err, setup.ErrNoKey) || errors.Is(err, setup.ErrUnsigned) {
		a.broken = a.Now()
	}
	switch {
	case errors.Is(err, errBroken):
		return nil, &orders.Fault{Code: "key-unavailable", Message: err.Error()}
	case err != nil:
		a.Log.Warn("the certificate of a client is not renewed over its session", "client", o.Name, "error", err)
		return nil, &orders.Fault{Code: "refused", Message: "the server's log says why"}
	}
	return &issued{next.Raw}, nil
}

func (a *Authority) certify(o *order) (*x509.Certificate, error) {
	if !a.broken.IsZero() && a.Now().Sub(a.broken).Abs() < again {
		return nil, errBroken
	}
	shown, err := o.shown()
	if err != nil {
		return nil, err
	}
	if err := a.Barred(o.Name); err != nil {
		return nil, err
	}
	return setup.Certify(a.Dir, a.Now(), shown, o.Request)
}

func ignoreConflict(_ store.Revision, err error) error {
	if errors.As(err, new(*store.ConflictError)) {
		return nil
	}
	return err
}
