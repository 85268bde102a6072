package service

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"

	"culvert/config"
	"culvert/host/process"
	"culvert/internal/subsystem"
	"culvert/operate/backend"
	"culvert/operate/logs"
	"culvert/operate/management"
)

// await returns what f returns, unless ctx ends first. f may wait for something that
// never comes, such as a file system that does not answer, so it is left behind: the
// process ends anyway.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := f()
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}

// once runs one configuration, and returns the next if a reload ended it.
// Signals are obeyed from the beginning, while files are read and a password is
// asked for.
func (l *life) once(caller context.Context, events <-chan process.Event, c *config.Config, jail process.Jail, m *management.Interface) (next *config.Config, err error) {
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	run := &running{life: l, jail: jail}
	run.config.Store(c)
	l.at.Store(run)
	o := obeyed{run: run, log: l.log, manager: l.manager, failed: cancel,
		ready: make(chan backend.Backend, 1), done: make(chan struct{}), fresh: make(chan *config.Config, 1)}
	r := roles{Options: l.Options, screen: l.log.screen, queue: l.log.queue, worker: l.worker, log: l.log.Logger, jail: jail, failed: cancel, isUp: l.tell, asked: l.ending.wanted, manager: l.manager, tasks: l.tasks, management: m, people: l.people, history: l.history, passing: &l.passing,
		reload: func() { go o.readAgain(ctx, l.reload) }, local: newLocal(l.localDir(), l.Name, l.worker, l.log.Logger)}
	logs.AddOperations(r.local.api, l.log.control(l.worker))
	recordsOf(r, c, run.config.Load)
	if l.worker != nil {
		r.reload = l.worker.Reload
	}
	if l.alone {
		r.written = l.writePID
	}
	o.reload, o.management = r.reload, m
	o.adopt = func() { go o.readAgain(ctx, l.reloadHere) }
	defer r.local.close()
	result := make(chan *config.Config)
	go func() { result <- o.obey(caller.Done(), events) }()
	s, err := await(ctx, func() (opened, error) { return r.openAfterHold(ctx, c, l.open) })
	if err == nil {
		run.role.Store(&s)
		o.ready <- s
		defer m.Attach(s.role)()
		stopTelling, stopShowing := tellManager(ctx, l.manager, s), l.show(ctx, s)
		err = s.Run(ctx)
		stopTelling()
		stopShowing()
		s.stop()
	}
	close(o.done)
	next = <-result
	if cause := context.Cause(ctx); cause != nil && (err == nil || err == context.Canceled) {
		err = cause
	}
	if err == context.Canceled || err == context.Cause(caller) || errors.As(err, new(process.Signal)) { // as was asked
		err = nil
	}
	return next, err
}

// obeyed is one run of a role, as far as signals are concerned.
type obeyed struct {
	run     *running
	log     *log
	manager *process.Manager
	// failed ends the role for a reason of its own, context.Canceled for none.
	failed context.CancelCauseFunc
	reload func()
	adopt  func() // in a worker
	// management is the management interface; nil: none.
	management *management.Interface
	ready      chan backend.Backend // gives it once, when it is open
	done       chan struct{}        // closed when it has ended
	fresh      chan *config.Config  // to go on with; capacity 1
}

// obey does what signals ask for until done, and returns the configuration to go on
// with. An exit is obeyed at once; anything else waits until the role is open. When
// events are closed, this process's keeper is gone.
func (o obeyed) obey(ended <-chan struct{}, events <-chan process.Event) (next *config.Config) {
	var b backend.Backend
	var waiting []process.Event
	fresh, stopping := o.fresh, false
	stopFor := func(why error) {
		next, fresh, ended = nil, nil, nil
		o.manager.Stopping()
		o.failed(why)
	}
	stop := func() { stopFor(context.Canceled) }
	for {
		select {
		case <-o.done:
			return next
		case b = <-o.ready:
			for _, e := range waiting {
				o.do(e, b)
			}
		case next = <-fresh:
			o.log.Info("starting over with the configuration as it is now (SIGHUP)")
			o.management.Reloading()
			o.failed(process.Signal("sighup"))
		case <-ended:
			o.log.Info("stopping")
			o.run.ending.wanted()
			stop()
		case e, more := <-events:
			e = o.run.remapped(e)
			switch {
			case !more:
				o.log.Error("stopping, since the process that kept root's rights for this one is gone: what it changed on this host may stay; " +
					"`culvert cleanup` as root takes it back")
				events = nil
				stop()
			case e == process.Exit && stopping: // asked again
			case e == process.Yield:
				o.log.Info("stopping, for another process that goes by the configuration as it is now (SIGHUP)")
				stopping = true
				stopFor(process.Signal("sighup"))
			case e == process.Exit:
				o.log.Info("stopping (SIGINT or SIGTERM)")
				o.run.ending.wanted()
				stopping = true
				stop()
			case b == nil && e == process.Reload: // also while readers hold the start
				o.reload()
			case b == nil && e == process.Adopt:
				o.run.worker.Anew()
			case b == nil:
				waiting = append(waiting, e)
			default:
				o.do(e, b)
			}
		}
	}
}

// do does what a signal asks of a role at work.
func (o obeyed) do(e process.Event, b backend.Backend) {
	switch e {
	case process.Restart:
		b.Restart()
	case process.Status:
		o.log.lines(b.StatusText(o.run.config.Load().Process.StatusVersion))
	case process.Reload:
		b.Reload()
	case process.Adopt:
		o.adopt()
	}
}

// readAgain reads the configuration again, to go on with it.
func (o obeyed) readAgain(ctx context.Context, load func() (*config.Config, error)) {
	o.manager.Reloading()
	c, err := await(ctx, load)
	switch {
	case ctx.Err() != nil:
	case err == nil && o.run.take(c):
		o.manager.Reloaded()
	case o.run.worker != nil:
		if err != nil {
			o.log.Warn("another worker has to take the configuration, since this one cannot read it", "error", err)
		}
		o.run.worker.Anew()
	case err != nil && o.run.alone:
		o.log.Error("the configuration is faulty, or not for this process's user to read, and none keeps root's rights for lack of tasks: everything stays as it is", "error", err)
		o.manager.Reloaded()
	case err != nil:
		o.log.Error("the configuration is faulty, so everything stays as it is", "error", err)
		o.manager.Reloaded()
	case o.run.alone:
		o.log.Error("starting over takes root's rights, and no process keeps them for lack of tasks: everything stays as it is; restart it, or " + o.run.tasks.all.Mend)
		o.manager.Reloaded()
	default:
		select {
		case o.fresh <- c:
		default: // another is on its way
		}
	}
}

// lines logs a text, whatever `verb` is.
func (l *log) lines(text []byte) {
	level := max(l.levels.Of(subsystem.Process), slog.LevelInfo)
	for line := range bytes.Lines(text) {
		l.Log(context.Background(), level, strings.TrimSpace(string(line)))
	}
}
