package client

import (
	"context"
	"errors"
	"fmt"

	"culvert/config"
	"culvert/role/profile"
	"culvert/role/profile/reach"
)

// unlock makes the private key of a configuration ready to use.
func unlock(c *config.Config, o Options) error {
	if o.Asker != nil {
		return profile.UnlockBy(context.Background(), c, o.Asker)
	}
	return profile.Unlock(c, o.Ask)
}

// once has a client connect once, and returns why the connection ended.
func once(ctx context.Context, c *Client) error {
	if err := c.restarts.end(ctx, c.login.ready); err != nil {
		return unanswered(err)
	}
	var target reach.Target
	err := c.restarts.end(ctx, func(ctx context.Context) (err error) {
		c.best.choose(ctx, c.remotes)
		target, err = c.remotes.Next(ctx)
		return err
	})
	if err != nil {
		return err
	}
	err = c.connect(ctx, target)
	if !errors.Is(err, ErrRestart) {
		c.best.doubt(target)
	}
	if ctx.Err() == nil && !letIn(err) {
		c.best.refused(target, err)
	}
	return err
}

// unanswered is why there is no connection without an answer: for good, unless a restart
// was asked for meanwhile.
func unanswered(err error) error {
	if errors.Is(err, ErrRestart) {
		return err
	}
	return fmt.Errorf("%w: %w", reach.ErrFatal, err)
}

// restarts are asked for by Restart, one at a time: its capacity is 1.
type restarts chan struct{}

func (r restarts) ask() {
	select {
	case r <- struct{}{}:
	default: // one is asked for already
	}
}

// forget drops one that was asked for while nothing was up.
func (r restarts) forget() {
	select {
	case <-r:
	default:
	}
}

// end calls f, which may wait for an answer, and ends it when a restart is asked for.
func (r restarts) end(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	for {
		select {
		case <-r:
			cancel(ErrRestart)
		case err := <-done:
			if err != nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return err
		}
	}
}
