package service

import (
	"fmt"
	"os"
	"time"

	"culvert/config"
	"culvert/host/privsep"
	"culvert/host/process"
	"culvert/internal/printable"
	"culvert/role/profile"
)

// Self is which process of this program this is: the one a user started, the
// one `daemon` put in the background, or a worker without root's rights. The zero
// value is the first of these.
type Self struct {
	background *process.Background
	worker     *privsep.Worker  // nil: not a worker
	manager    *process.Manager // a worker's is its keeper; nil: none
}

// WhoAmI finds out which process this is. Call it once, before other descriptors are
// opened or programs are started.
func WhoAmI() (Self, error) {
	me := Self{background: process.InBackground()}
	var err error
	process.BeThin(privsep.IsWorker())
	me.worker, err = privsep.Started()
	if me.worker != nil {
		me.manager = me.worker.Manager()
	} else {
		me.manager = process.ServiceManager()
	}
	return me, err
}

// TakesSignals reports whether signals reach this process as they reach others: a worker
// leaves them to its keeper, and a thin process (process.BeThin) takes them in Run.
func (me Self) TakesSignals() bool { return me.worker == nil && !process.IsThin() }

// IsWorker reports whether this process works for a keeper that has read everything
// before.
func (me Self) IsWorker() bool { return me.worker != nil }

// Failed reports why this process ends to whoever waits for it: the keeper, the
// process that started it, or the user.
func (me Self) Failed(err error) {
	if me.worker != nil {
		me.worker.Failed(err)
		return
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		fmt.Fprintln(os.Stderr, "culvert:", printable.Lines(err.Error()))
	}()
	select {
	case <-said:
	case <-time.After(outputTime): // nobody reads it
	}
	me.background.Report(err)
}

// events are what signals ask for. A worker's end when its keeper does.
func (me Self) events() (events <-chan process.Event, stop func()) {
	if me.worker != nil {
		return me.worker.Events(), func() {}
	}
	return process.Events()
}

// giveUp returns the rights that c wants given up. It fails if that is impossible,
// before a tunnel is up that would end by it.
func giveUp(c *config.Config) (process.Jail, error) {
	if c.Process.Chroot != "" {
		if info, err := os.Stat(c.Process.Chroot); err != nil || !info.IsDir() {
			return process.Jail{}, fmt.Errorf("chroot %s: no such directory; make it, or name one that exists", c.Process.Chroot)
		}
	}
	id, err := process.Lookup(c.Process.User, c.Process.Group)
	if err == nil && c.Process.User != "" && process.Privileged() && !process.CanBecome(id) {
		id, err = inNamespace(c, id)
	}
	j := process.Jail{Identity: id, Chroot: c.Process.Chroot}
	j.Regain = regains(c)
	if c.Mode == config.ModeServer {
		return j, err // its socket stays open
	}
	const firstFree = 1024 // ports from here on are anybody's
	if !c.Link.NoBind && c.Link.LocalPort > 0 && c.Link.LocalPort < firstFree {
		j.Keep = append(j.Keep, process.NetBindService)
	}
	if profile.Mark(c) != 0 {
		j.Keep = append(j.Keep, process.NetRaw)
	}
	return j, err
}

// regains reports whether programs of a configuration may win rights back: where the
// administrator names user and programs, these may be such as call sudo.
func regains(c *config.Config) bool {
	return c.At("user") != config.Pos{} && len(c.Programs())+len(c.Hooks.Commands()) > 0 && c.Process.Forbidden() == ""
}

// inNamespace is the user that root of a user namespace with no other users goes on
// as.
func inNamespace(c *config.Config, id process.Identity) (process.Identity, error) {
	if id.UID == 0 {
		return process.Identity{UID: -1, GID: -1}, nil // it stays what it is
	}
	return id, fmt.Errorf("%v: user %s: root of this user namespace (a container) cannot become another user; remove the line, or give the namespace that user", c.At("user"), c.Process.User)
}
