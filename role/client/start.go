package client

import (
	"context"
	"fmt"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/tunnel"
)

// call is what it takes to connect to a target.
type call struct {
	target             reach.Target
	settings           *profile.Settings
	username, password string
}

// start starts a session over a link, which the attempt owns from then on. began is when
// the link was to be opened.
func start(ctx context.Context, c *Client, to call, l link.Link, began time.Time) *attempt {
	serving, letGo := context.WithCancel(ctx)
	t, p := to.target, to.settings
	cfg := p.For(serving, t.Addr, t.Remote.Proto.TCP)
	cfg.Username, cfg.Password = to.username, to.password
	cfg.PeerInfo = profile.WithHost(p.Config.Process, cfg.PeerInfo, t.Near().Addr())
	a := &attempt{began: began, started: time.Now(), hearsay: newHearsay(t.Near().Addr()), Client: c, settings: p, base: p.Config, target: t,
		events: make(chan session.Event, 16), done: make(chan struct{}), inbound: make(chan error, 1), revoked: make(chan error, 1), letGo: letGo}
	a.peer = tunnel.NewPeer(session.NewClient(cfg, a.started), l, buf.Path{Remote: t.Addr}, a.onEvent)
	a.peer.Observer, a.peer.OnError = &c.road.Observer, c.passingError
	c.hearers.add(a.hearsay)
	c.sessions.add(a.peer)
	carrying, stopCarrying := context.WithCancel(ctx)
	go func() {
		defer close(a.inbound)
		a.inbound <- c.road.Inbound(carrying, l)
	}()
	a.peer.Do(func(time.Time) {})
	stopLists := a.keepLists(ctx)
	a.release = func() {
		letGo()
		stopLists()
		sayGoodbye(a)
		c.hearers.remove(a.hearsay)
		c.sessions.remove(a.peer)
		a.peer.Stop()
		l.Close()
		stopCarrying()
		for range a.inbound { // until it is closed
		}
	}
	return a
}

// over takes host and server through the end of a connection that err ended, and returns
// why it did.
func over(ctx context.Context, a *attempt, err error) error {
	a.mover.abandon()
	a.best.use(nil, nil)
	if a.up && ctx.Err() == nil {
		a.emit(event.Lost{Remote: a.target.Reported(), Err: err})
		if failed := a.leaveAdapter(ctx, err); failed != nil {
			err = fmt.Errorf("%w: %w", reach.ErrFatal, failed)
		}
	}
	a.close()
	return err
}

// close ends the session, if it has not ended, and all that the attempt holds.
func (a *attempt) close() {
	close(a.done)
	a.release()
}

// sayGoodbye tells the server that the session ends, if it has not: then it need not wait
// for silence to notice.
func sayGoodbye(a *attempt) {
	said := make(chan struct{})
	a.peer.Do(func(now time.Time) {
		defer close(said)
		a.peer.Session.Exit(now, 1)
		a.peer.Settle(now)
	})
	<-said
}
