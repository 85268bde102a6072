package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/host/privsep"
	"culvert/host/process"
	"culvert/role/profile"
)

// fence keeps packets from leaving this host outside the tunnel (`block-outside`), from
// before the first connection to the end of this process; with `persist` also after an end
// that the user did not ask for.
type fence struct {
	enclose func(context.Context, hostnet.Fence, hostnet.Options) (enclosed, error) // nil: hostnet.Enclose

	mu       sync.Mutex
	enclosed enclosed // nil: none stands
	name     string   // of it
	file     string   // its profile's, as the configuration has it
	here     hostnet.Options
}

// ending says whether the user asked this process to end.
type ending struct {
	asked  atomic.Bool
	worker *privsep.Worker // nil: not in a worker
}

// wanted notes that the user asks for the end. A worker's keeper has to know, too.
func (e *ending) wanted() {
	e.asked.Store(true)
	if e.worker != nil {
		e.worker.Asked()
	}
}

// enclosed is a fence that stands. *hostnet.Enclosed is one.
type enclosed interface {
	Update(ctx context.Context, to hostnet.Fence) error
	Undo(ctx context.Context) error
	Leave() bool
}

// follow has the fence stand that a configuration asks for, or none.
func (f *fence) follow(ctx context.Context, c *config.Config, o Options, l *log) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, here := c.Routing.BlockOutside, hostnet.Options{StateDir: o.StateDir, Logger: l.Logger}
	switch {
	case b == nil:
		if f.enclosed == nil && !o.UserSpace && process.Privileged() {
			warnOfLeft(here, l)
		}
		return f.remove(ctx)
	case o.UserSpace:
		l.Warn("block-outside has no effect in user space: only what uses the proxies is in the tunnel, and it goes nowhere else")
		return nil
	}
	want := fenceFor(c)
	if f.enclosed != nil && c.Process.File != "" && f.file == c.Process.File {
		want.Name = f.name // also where this process's directory is another one by now
	}
	before := f.enclosed
	if before != nil && f.name == want.Name {
		return before.Update(ctx, want)
	}
	enclose := f.enclose
	if enclose == nil {
		enclose = encloseHost
	}
	now, err := enclose(ctx, want, here)
	if err != nil {
		return fmt.Errorf("%v: %w", c.At("block-outside"), err)
	}
	f.enclosed, f.name, f.file, f.here = now, want.Name, c.Process.File, here
	if before != nil { // of the profile as it was, which has another name
		return before.Undo(ctx)
	}
	return nil
}

func encloseHost(ctx context.Context, f hostnet.Fence, o hostnet.Options) (enclosed, error) {
	e, err := hostnet.Enclose(ctx, f, o)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// warnOfLeft says what keeps in the packets of a process that has no fence itself.
func warnOfLeft(o hostnet.Options, l *log) {
	for _, left := range hostnet.LeftEnclosed(o) {
		l.Warn("a client that ended keeps packets in (block-outside persist), those of this process too: connect with that profile, or open this host by the command",
			"profile", left.Profile, "table", left.Table(), "command", o.Cleanup())
	}
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

// end is for the end of the process: without one that the user asked for, a fence that
// persists stays. It logs that, and what could not be undone.
func (f *fence) end(l *log, asked bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.enclosed != nil && !asked && f.enclosed.Leave() {
		f.enclosed = nil
		l.Warn("this host stays closed (block-outside persist), since nobody asked this client to end: connect again, or open it by the command", "command", f.here.Cleanup())
		return
	}
	if err := f.remove(context.Background()); err != nil {
		l.Error("packets may still leave through the tunnel only", "error", err, "mend", f.here.Cleanup())
	}
}

// fenceFor returns the fence that a configuration asks for. Its name is the same for a
// profile that is edited, and its content for one that is renamed or copied.
func fenceFor(c *config.Config) hostnet.Fence {
	f := hostnet.Fence{Content: digest(profile.Profile(c)), Open: c.Routing.BlockOutside.Open, Mark: profile.Mark(c), Persist: c.Routing.BlockOutside.Persist}
	f.Name = f.Content
	if path, err := filepath.Abs(c.Process.File); err == nil && c.Process.File != "" {
		f.Name, f.Profile = digest("file "+path), path
	}
	return f
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}
