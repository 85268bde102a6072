package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/host/privsep"
	"culvert/host/process"
	"culvert/operate/history"
	"culvert/operate/logs"
	"culvert/operate/management"
	"culvert/operate/people"
)

// life is one process from its start to its end, over any number of
// configurations read one after the other.
type life struct {
	Self
	Options
	load func() (*config.Config, error)
	// plain is load without a look at directories, which a worker has no right to: its
	// keeper looked.
	plain   func() (*config.Config, error)
	consent consent
	newLog  func(c *config.Config, worker bool, o Options) *log
	log     *log // nil until a configuration was read
	// open makes the role of a configuration.
	open   func(roles, *config.Config) (opened, error)
	config atomic.Pointer[config.Config] // that was read last, of a keeper
	// at is what runs one configuration; nil before the first.
	at atomic.Pointer[running]
	// pidFile is where this process's number goes (`writepid`); never nil but
	// in a worker.
	pidFile atomic.Pointer[string]
	tasks   tasks
	fence   fence           // a worker's is its keeper's
	people  *people.Host    // of a server; nil: it has no users
	history *history.Volume // of its sessions; nil: it keeps none
	passing passing         // in their place
	ending  ending
	// alone says that this process gives up rights without a keeper.
	alone bool
	// readable are the files that a keeper's configuration was read from last: a worker
	// may read them again.
	readable atomic.Pointer[map[string]bool]
}

func newLife(me Self, load func() (*config.Config, error), o Options) *life {
	return &life{Self: me, Options: o, load: checked(load), plain: load, consent: newConsent(me, o), newLog: newLog, open: roles.open, ending: ending{worker: me.worker}}
}

// run is Run, with what signals ask for as events.
func (l *life) run(ctx context.Context, events <-chan process.Event) error {
	c, stays, waiting, err := l.begin(ctx, events)
	if errors.Is(err, errStopped) {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events = ahead(ctx, waiting, events)
	boundMemory()
	var jail process.Jail
	if err == nil {
		jail, err = giveUp(c)
	}
	if err == nil {
		err = l.boundTasks(c, jail)
	}
	switch {
	case err != nil:
		c = understood(c, err)
	case c.Process.Daemon && !l.background.Yes() && l.worker == nil && !l.manager.Yes(): // a manager does that for it, as with OpenVPN
		return process.Daemonize()
	default:
		err = l.inJail(ctx, events, c, jail, stays)
	}
	if err != nil {
		l.lastWords(c, err)
	}
	if l.log != nil {
		l.log.flush()
	}
	return err
}

// errStopped ends a process before it has read its configuration.
var errStopped = errors.New("stopped while the configuration was being read")

// begin reads the configuration, and asks the user about one that may be a
// stranger's. It ends early by errStopped, for an exit or with ctx; what else is
// asked waits. It returns why the process stays root, if it should not.
func (l *life) begin(ctx context.Context, events <-chan process.Event) (c *config.Config, stays string, waiting []process.Event, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done, heard := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(heard)
		waiting = awaitExit(events, done, cancel)
	}()
	c, err = await(ctx, l.load)
	if err == nil {
		stays = l.chooseUser(c)
		err = l.consent.ask(ctx, c, AskTerminal)
	}
	close(done)
	<-heard
	if ctx.Err() != nil {
		err = context.Cause(ctx)
		if !errors.Is(err, errStopped) {
			err = fmt.Errorf("%w: %w", errStopped, err)
		}
	}
	return c, stays, waiting, err
}

// awaitExit calls cancel for an exit, and returns then or when done, with what else
// was asked.
func awaitExit(events <-chan process.Event, done <-chan struct{}, cancel context.CancelCauseFunc) (waiting []process.Event) {
	for {
		select {
		case e, more := <-events:
			if !more || e == process.Exit || e == process.Yield {
				cancel(fmt.Errorf("%w, by a signal", errStopped))
				return nil
			}
			waiting = append(waiting, e)
		case <-done:
			return waiting
		}
	}
}

// ahead are events with those that wait ahead of them, until ctx ends.
func ahead(ctx context.Context, waiting []process.Event, events <-chan process.Event) <-chan process.Event {
	if len(waiting) == 0 {
		return events
	}
	return fed(ctx, func() (e process.Event, more bool) {
		if len(waiting) > 0 {
			e, waiting = waiting[0], waiting[1:]
			return e, true
		}
		select {
		case e, more = <-events:
			return e, more
		case <-ctx.Done():
			return e, true
		}
	})
}

// fed are the events that next returns one after the other, until it says that there are
// no more, which closes them, or ctx ends.
func fed(ctx context.Context, next func() (e process.Event, more bool)) <-chan process.Event {
	all := make(chan process.Event)
	go func() {
		for {
			e, more := next()
			switch {
			case ctx.Err() != nil:
				return
			case !more:
				close(all)
				return
			}
			select {
			case all <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return all
}

// inJail opens the log, and divides the process in two if rights are to be given up.
func (l *life) inJail(ctx context.Context, events <-chan process.Event, c *config.Config, jail process.Jail, stays string) (err error) {
	l.log = l.newLog(c, l.worker != nil, l.Options)
	if l.worker == nil {
		l.tasks.note(l.log.Logger)
	}
	if err := l.weigh(c, l.worker == nil && !l.alone || jail.Identity.UID <= 0); err != nil {
		return err
	}
	if l.worker != nil {
		return l.serve(ctx, events, c, jail)
	}
	defer examine(ctx, l, c)()
	if stays != "" {
		l.log.Warn(stays)
	}
	l.log.programs(c)
	if err := process.CheckPIDFile(c.Process.WritePID); err != nil {
		return err
	}
	l.pidFile.Store(&c.Process.WritePID)
	defer func() {
		if err := process.PIDFile.Remove(); err != nil {
			l.log.Warn(err.Error())
		}
	}()
	defer func() { l.fence.end(l.log, l.ending.asked.Load() || ctx.Err() != nil) }()
	if err := l.fence.follow(ctx, c, l.Options, l.log); err != nil {
		return err
	}
	if process.Privileged() && !l.UserSpace {
		hostnet.Recover(ctx, hostnet.Options{StateDir: l.StateDir, Logger: l.log.Logger})
	}
	if l.alone {
		l.log.Warn("too few tasks are allowed for a process that keeps root's rights beside this one: what this one reads later, its user has to be able to read", "user", c.Process.User, "limit", l.tasks.all, "mend", l.tasks.all.Mend)
		if !l.UserSpace && c.Adapter.DevType != config.DevNull {
			jail.Keep = append(jail.Keep, process.NetAdmin) // for its device
		}
		return l.serve(ctx, events, c, jail)
	}
	if !jail.Empty() && process.Privileged() {
		l.config.Store(c)
		l.readable.Store(new(map[string]bool))
		l.crowdsOut(c)
		return l.keep(ctx, events)
	}
	if !jail.Empty() {
		l.log.Warn("user, group and chroot have no effect: this is not root, which alone can change them")
	}
	return l.serve(ctx, events, c, process.Jail{Identity: process.Identity{UID: -1, GID: -1}})
}

// examine has a server of c looked at beside its work, until the function that it
// returns is called.
func examine(ctx context.Context, l *life, c *config.Config) (stop func()) {
	if l.Examine == nil || c.Mode != config.ModeServer {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		l.Examine(ctx, func() *config.Config { return cmp.Or(l.config.Load(), c) }, l.log.Logger)
	})
	return func() {
		cancel()
		looking.Wait()
	}
}

// keep stays root, for a worker that does not.
func (l *life) keep(ctx context.Context, events <-chan process.Event) error {
	defer func() { management.Forget(placed(l.config.Load())) }()
	defer forgetPeople(l.Dir, l.log.Logger)
	return privsep.Run(ctx, events, privsep.Options{
		Log:     l.log.Logger,
		Apply:   bringup.Options{Log: l.log.Logger, StateDir: l.StateDir}.Here,
		Manager: l.manager,
		Check:   l.checkAgain,
		Ready:   l.isUp,
		Forget:  l.forget,
		Asked:   l.ending.wanted,
		Record:  l.record(),
		Account: accountingFile(l.config.Load()),
		Reads:   l.readsFor(),
		Shown:   logs.Share{Latest: l.log.latest, Levels: l.log.levels},
	})
}

// readsFor returns what says what a worker may have its keeper read and run, by the
// configuration that was read last. Which programs still run as root is the worker's: one
// that goes on with another configuration wins no rights by that.
func (l *life) readsFor() func(begins bool) privsep.Reads {
	var rights *rights
	return func(begins bool) privsep.Reads {
		c := l.config.Load()
		if begins {
			rights = newRights(c)
		}
		return reads(c, privsep.Reads{Programs: l.keptPrograms(rights), PAM: l.keptLogins()}, readAgain(c, l.Dir, *l.readable.Load()))
	}
}

// reloadHere reads the configuration again in a worker, after its keeper found it good.
func (l *life) reloadHere() (*config.Config, error) {
	c, err := l.plain()
	if err == nil {
		err = l.consent.still(c)
	}
	return c, err
}

// reload reads the configuration again, for this process or its worker.
func (l *life) reload() (*config.Config, error) {
	c, err := l.load()
	if err == nil {
		err = l.consent.still(c)
	}
	if err == nil {
		err = process.CheckPIDFile(c.Process.WritePID)
	}
	if err == nil && !l.alone { // alone, it cannot start over, and may not read what it read at its start
		err = l.sound(c)
	}
	if err == nil {
		err = l.fence.follow(context.Background(), c, l.Options, l.log)
	}
	if err == nil {
		l.pidFile.Store(&c.Process.WritePID)
		l.config.Store(c)
	}
	return c, err
}

// serve runs one configuration after the other, until there is no next one.
func (l *life) serve(ctx context.Context, events <-chan process.Event, c *config.Config, jail process.Jail) (err error) {
	m, events, err := l.manage(ctx, events, c)
	if err != nil {
		return err
	}
	defer func() { m.Close(err) }()
	if l.people, err = openPeople(l.Dir, c, l.log.Logger); err != nil {
		return err
	}
	defer closePeople(l.people, l.log.Logger)
	if l.worker != nil {
		go l.log.latest.Follow(l.worker.LogAfter) // until the keeper is gone
	}
	l.history = openHistory(l.Dir, c, l.log.Logger)
	defer closeHistory(l.history, l.log.Logger)
	for c != nil {
		l.log.notes(c)
		next, err := l.once(ctx, events, c, jail, m)
		if err != nil {
			return err
		}
		c = next
	}
	return nil
}
