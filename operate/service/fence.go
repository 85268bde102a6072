package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/role/profile"
)

// fence keeps packets from leaving this host outside the tunnel (`block-outside`), from
// before the first connection to the end of this process.
type fence struct {
	mu       sync.Mutex
	enclosed *hostnet.Enclosed // nil: none stands
	name     string            // of it
}

// follow has the fence stand that a configuration asks for, or none.
func (f *fence) follow(ctx context.Context, c *config.Config, o Options, l *log) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := c.Routing.BlockOutside
	switch {
	case b == nil:
		return f.remove(ctx)
	case o.UserSpace:
		l.Warn("block-outside has no effect in user space: only what uses the proxies is in the tunnel, and it goes nowhere else")
		return nil
	}
	want := hostnet.Fence{Name: fenceName(c), Open: b.Open, Mark: profile.Mark(c), Persist: b.Persist}
	before := f.enclosed
	if before != nil && f.name == want.Name {
		return before.Update(ctx, want)
	}
	enclosed, err := hostnet.Enclose(ctx, want, hostnet.Options{StateDir: o.StateDir, Logger: l.Logger})
	if err != nil {
		return fmt.Errorf("%v: %w", c.At("block-outside"), err)
	}
	f.enclosed, f.name = enclosed, want.Name
	if before != nil { // of the profile as it was, which has another name
		return before.Undo(ctx)
	}
	return nil
}

// remove takes the fence away, if one stands.
func (f *fence) remove(ctx context.Context) error {
	if f.enclosed == nil {
		return nil
	}
	err := f.enclosed.Undo(ctx)
	f.enclosed = nil
	return err
}

// end is remove at the end of the process, and logs what could not be undone.
func (f *fence) end(l *log) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.remove(context.Background()); err != nil {
		l.Error("packets may still leave through the tunnel only; run `culvert cleanup` to try again", "error", err)
	}
}

// fenceName distinguishes the fence of a profile from others on this host, and is the same
// each time.
func fenceName(c *config.Config) string {
	sum := sha256.Sum256([]byte(profile.Profile(c)))
	return hex.EncodeToString(sum[:6])
}
