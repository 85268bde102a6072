package service

import (
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"culvert/config"
	"culvert/host/process"
	"culvert/role/profile"
	"culvert/role/server"
)

// adopter is a role that can go on with another configuration while sessions go on.
type adopter interface {
	Adopt(c *config.Config) error
}

// running is a role at work, and the configuration that it goes by.
type running struct {
	*life
	jail process.Jail
	role atomic.Pointer[opened] // nil until it is open

	mu     sync.Mutex // for take, which may have to wait for programs
	config atomic.Pointer[config.Config]
}

// remapped is what an event is taken as (`remap-usr1`).
func (r *running) remapped(e process.Event) process.Event {
	if e != process.Restart {
		return e
	}
	if as, remapped := asked[r.config.Load().Process.RemapUSR1]; remapped {
		return as
	}
	return e
}

// take goes on with another configuration while sessions go on, if that is possible, and
// logs what was taken, or what forces a new start. One that turns out to be faulty
// leaves everything as it is; in a worker, another one has to try.
func (r *running) take(c *config.Config) bool {
	role := r.role.Load()
	if role == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	change := r.config.Load().Changed(c)
	if len(change.Anew) == 0 && !r.mayTakePrograms(c) || !canGoOn(r.log.Logger, change) {
		return false
	}
	if len(change.Live) > 0 {
		if err := role.adopt(c); err != nil {
			if r.worker != nil {
				r.log.Warn("the configuration cannot be taken while sessions go on", "error", err)
				return false
			}
			r.log.Error("the configuration is faulty, so everything stays as it is", "error", err)
			return true
		}
	}
	r.config.Store(c)
	r.log.notes(c)
	r.log.mute.Store(int64(c.Process.Mute))
	return true
}

// mayTakePrograms reports whether this process can run the programs of a configuration as
// one can that begins with it, and logs why not. A process that could not start over takes
// them nevertheless.
func (r *running) mayTakePrograms(c *config.Config) bool {
	if r.jail.Empty() || r.jail.Regain || !regains(c) || regains(r.config.Load()) {
		return true
	}
	const why = "this process gave up sudo, too (no_new_privs), since it had no programs to run"
	if r.alone {
		r.log.Warn("the first programs of a configuration with user: they cannot use sudo until this process is started again", "because", why)
		return true
	}
	r.log.Info("the configuration was read again (SIGHUP), and cannot be taken while sessions go on", "because of", "the first programs of a configuration with user", "reason", why)
	return false
}

// adopt goes on with another configuration, as far as the role can.
func (o *opened) adopt(c *config.Config) error {
	undo, err := o.programs.adopt(c)
	if err != nil {
		return err
	}
	unpoliced, err := o.policing.Adopt(c)
	if err != nil {
		undo()
		return err
	}
	undo = inTurn(unpoliced, undo)
	if a, ok := o.role.(adopter); ok {
		if err := a.Adopt(c); err != nil {
			undo()
			return err
		}
	}
	if o.chosen != nil {
		o.chosen.follow(c)
	}
	o.measured.Adopt(c)
	return nil
}

// canGoOn logs what becomes of changes, and reports whether sessions can go on.
func canGoOn(log *slog.Logger, c config.Changes) bool {
	list := func(names []string) string { return strings.Join(names, ", ") }
	switch {
	case len(c.Anew) > 0:
		log.Info("the configuration was read again (SIGHUP), and cannot be taken while sessions go on", "because of", list(c.Anew))
		return false
	case c.None():
		log.Info("the configuration was read again (SIGHUP), and nothing changed: sessions go on")
	default:
		log.Info("the configuration was read again (SIGHUP), and sessions go on", "taken", list(c.Live))
	}
	if len(c.Start) > 0 {
		log.Warn("changes of these wait until the process is started again", "directives", list(c.Start))
	}
	return true
}

// sound returns what is wrong with a configuration that was read again, beyond its language,
// as far as nobody has to be asked for a password to see it: what a start would find wrong
// with the adapter, the rights to give up, a program of the adapter, and with a server. A
// process that started over for it would end by that.
func (l *life) sound(c *config.Config) error {
	if l.UserSpace {
		if err := profile.CheckUserSpace(c); err != nil {
			return err
		}
	}
	if _, err := giveUp(c); err != nil {
		return err
	}
	if _, err := newHostPrograms(c, l.log.Logger); err != nil {
		return err
	}
	if c.Mode != config.ModeServer {
		return nil
	}
	here := roles{log: slog.New(slog.DiscardHandler), jail: process.Jail{Identity: process.Identity{UID: -1, GID: -1}}} // starts no program for plugins
	checking, err := newLogins(here, c)
	defer checking.stop()
	if err != nil {
		return err
	}
	return server.Check(c, checking.plugins)
}

// checkAgain reads the configuration again for a worker, and reports whether that can go
// on with it. In a chroot the names of files lead elsewhere.
func (l *life) checkAgain() (live bool, err error) {
	before := l.config.Load()
	var c *config.Config
	names := process.NoteReads(func() { c, err = l.reload() })
	if err != nil {
		return false, err
	}
	l.readable.Store(&names)
	change := before.Changed(c)
	if live = len(change.Anew) == 0 && c.Process.Chroot == ""; live {
		l.log.setLevels(c)
		return true, nil
	}
	canGoOn(l.log.Logger, change)
	return false, nil
}
