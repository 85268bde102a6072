package service

import (
	"context"

	"culvert/config"
	"culvert/host/process"
)

// await is what f returns, unless ctx ends before. f may be waiting then for
// what never comes, such as a file system that does not answer, so it is left
// behind, for a process that ends.
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

// opened is a tunnel that can run, and what ends what came with it.
type opened struct {
	role role // by name, so that this is not taken for one: statusOf looks at its type
	stop func()
}

// once runs one configuration, and returns the next if a reload ended it.
// Signals are obeyed from the beginning, while files are read and a password is
// asked for.
func (l *life) once(ctx context.Context, c *config.Config, jail process.Jail, events <-chan process.Event) (next *config.Config, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.failed = cancel
	defer l.local.close()
	o := obeyed{life: l, version: c.Process.StatusVersion, ready: make(chan role, 1), done: make(chan struct{})}
	result := make(chan *config.Config)
	go func() { result <- o.obey(ctx, events) }()
	s, err := await(ctx, func() (opened, error) {
		t, stop, err := l.open(c, jail)
		return opened{t, stop}, err
	})
	if err == nil {
		o.ready <- s.role
		err = s.role.Run(ctx)
		s.stop()
	}
	close(o.done)
	next = <-result
	if cause := context.Cause(ctx); cause != nil && (err == nil || err == context.Canceled) {
		err = cause
	}
	if err == context.Canceled { // as a signal asked
		err = nil
	}
	return next, err
}

// obeyed is one run of a tunnel, as far as signals are concerned.
type obeyed struct {
	*life
	version int           // of the status in the log
	ready   chan role     // gives it once, when it is open
	done    chan struct{} // closed when it has ended
}

// obey does what signals ask for until done, and returns the configuration to
// go on with. What is asked of a tunnel that is not open yet is done when it is,
// and an exit at once. The end of events is that of this process's keeper.
func (o obeyed) obey(ctx context.Context, events <-chan process.Event) (next *config.Config) {
	var s role
	var waiting []process.Event
	stopping := false
	fresh := make(chan *config.Config, 1)
	for {
		select {
		case <-o.done:
			return next
		case s = <-o.ready:
			for _, e := range waiting {
				o.do(ctx, e, s, fresh)
			}
		case next = <-fresh:
			o.log.Info("starting over with the configuration as it is now (SIGHUP)")
			o.failed(context.Canceled)
		case e, more := <-events:
			switch {
			case !more:
				o.log.Error("stopping, since the process that kept root's rights for this one is gone: what it changed on this host may stay; " +
					"`culvert cleanup` as root takes it back")
				events, next, fresh = nil, nil, nil
				o.failed(context.Canceled)
			case e == process.Exit && stopping: // asked again
			case e == process.Exit:
				o.log.Info("stopping (SIGINT or SIGTERM)")
				stopping, next, fresh = true, nil, nil
				o.failed(context.Canceled)
			case s == nil:
				waiting = append(waiting, e)
			default:
				o.do(ctx, e, s, fresh)
			}
		}
	}
}

// do does what a signal asks of a tunnel at work. A configuration is read
// meanwhile, for fresh.
func (o obeyed) do(ctx context.Context, e process.Event, s role, fresh chan<- *config.Config) {
	switch e {
	case process.Restart:
		s.Restart()
	case process.Status:
		o.log.lines(statusOf(s, o.version))
	case process.Reload:
		go o.readAgain(ctx, fresh)
	}
}

func (o obeyed) readAgain(ctx context.Context, fresh chan<- *config.Config) {
	c, err := await(ctx, o.reload)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		o.log.Error("the configuration is faulty, so everything stays as it is", "error", err)
	default:
		select {
		case fresh <- c:
		default: // another is on its way
		}
	}
}
