package client

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"culvert/config"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/role/profile/reach/fastest"
)

// Measure measures the servers of a configuration without connecting, as `remote-select
// fastest` does before its first connection, and calls tell with the table: once, or with
// every, again each time so much time has passed, until ctx ends, whose cause it returns then. It asks nobody: a key under
// a password does not matter, but a proxy's login does.
func Measure(ctx context.Context, c *config.Config, o Options, every time.Duration, tell func([]fastest.Row) error) error {
	if !c.Pull {
		return errors.New("this configuration has no `client` (or `pull`) line, so it names no servers to choose from")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	settings, err := profile.Choose(c, o.Log, func(string) {}, func(c *config.Config, _ func(string)) (*profile.Settings, error) {
		return profile.FirstPacketSettings(c)
	})
	if err != nil {
		return err
	}
	fast := *c
	fast.Link.RemoteSelect.Fastest = true
	b := newBest(&fast, reach.Dialer{Listen: o.Listen}, settings)
	r := reach.NewRemotes(c, reach.NewNames(c, o.Resolve, func() reach.Tunnel { return nil }, o.Log).Lookup)
	for {
		err := b.measure(ctx, r)
		if ctx.Err() != nil { // what is missing says nothing of the servers
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if err := tell(b.table()); err != nil || every == 0 {
			return err
		}
		idleFor(ctx, every)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.mu.Lock()
		b.at = time.Time{}
		b.mu.Unlock()
	}
}
