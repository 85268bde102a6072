package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/session/negotiate"
)

// destination returns what it takes to connect to where a wish goes, but a login.
func destination(a *attempt, w wish) call {
	t := a.target
	if w.target != nil {
		t = reach.Anew(a.remotes, *w.target)
	}
	// The port of `lport` belongs to the present connection.
	settings := *t.Settings
	settings.Link.NoBind = true
	t.Settings = &settings
	return call{target: t, settings: a.choice.Of(t.Remote)}
}

// bring brings a connection up as far as the server's push, within limit, by the first of
// some logins that the server takes. It outlives moving.
func bring(ctx, moving context.Context, c *Client, to call, logins []credentials, dialer reach.Dialer, answered *atomic.Bool, limit time.Duration) (next *attempt, err error) {
	moving, cancel := context.WithTimeoutCause(moving, limit, fmt.Errorf("it was not up within %v", limit))
	defer cancel()
	for _, login := range logins {
		to.username, to.password = login.username, login.password
		next, err = bringAs(ctx, moving, c, to, dialer, answered)
		var refused *session.AuthFailedError
		if !errors.As(err, &refused) || refused.Temporary {
			break
		}
		c.login.refusedBy(to.target, login)
		if negotiate.IsChallenge(refused.Reason) {
			return nil, errAsks
		}
	}
	return next, err
}

// bringAs is bring with one login.
func bringAs(ctx, moving context.Context, c *Client, to call, dialer reach.Dialer, answered *atomic.Bool) (*attempt, error) {
	began := time.Now()
	l, err := dialer.Open(moving, to.target)
	if err != nil {
		if moving.Err() != nil {
			err = context.Cause(moving)
		}
		return nil, err
	}
	b := start(ctx, c, to, l, began)
	if err := reachPush(moving, b, answered); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// reachPush waits until the server's push has come, and holds what the session reports
// until then.
func reachPush(ctx context.Context, a *attempt, answered *atomic.Bool) error {
	for {
		select {
		case e := <-a.events:
			switch e := e.(type) {
			case session.Answered:
				answered.Store(true)
				continue
			case session.Asking, session.Delayed: // of no use to who goes on with another connection
				continue
			case session.Closed:
				return a.hearsay.explain(e.Err)
			case session.InfoPre, session.LoginNeeded:
				return errAsks
			}
			a.held = append(a.held, e)
			if _, last := e.(session.Pushed); last {
				return nil
			}
		case err := <-a.inbound:
			return a.linkEnded(err)
		case err := <-a.hearsay.noRoute:
			if !a.heard() {
				return err
			}
		case err := <-a.hearsay.absent:
			if !a.heard() {
				return err
			}
		case err := <-a.revoked:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
