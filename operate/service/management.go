package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"culvert/access/hooks"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/process"
	"culvert/internal/version"
	"culvert/operate/logs"
	"culvert/operate/management"
)

// asked are the events for the names of signals.
var asked = map[string]process.Event{"SIGHUP": process.Reload, "SIGINT": process.Exit, "SIGTERM": process.Exit, "SIGUSR1": process.Restart, "SIGUSR2": process.Status}

// manage opens the management interface that a configuration names, for the life of this
// process, and returns what readers and signals ask for as one. Without one, m is nil.
func (l *life) manage(ctx context.Context, events <-chan process.Event, c *config.Config) (m *management.Interface, all <-chan process.Event, err error) {
	if c.Management.Address == "" {
		return nil, events, nil
	}
	wishes := make(chan process.Event, 8)
	present := func() *config.Config {
		if at := l.at.Load(); at != nil {
			return at.config.Load()
		}
		return c
	}
	m, err = management.Open(placed(c), management.Process{
		Title: version.Current().Title(), Log: l.log.Logger, Ask: func(q string) (string, error) { return asking(nil, l.log.queue, AskTerminal)(q, false) },
		Signal: func(name string) {
			select {
			case wishes <- asked[name]:
			default: // as many wait as can be told apart
			}
		},
		AuthRetry:     func() config.AuthRetry { return present().Login.Retry },
		StatusVersion: func() int { return present().Process.StatusVersion },
		Verb:          l.log.verb,
		SetVerb: func(n int) {
			l.log.setVerb(n)
			l.log.share(l.worker)
		},
		Mute:    func() int { return int(l.log.mute.Load()) },
		SetMute: func(n int) { l.log.mute.Store(int64(n)) },
	})
	if err != nil {
		return nil, nil, err
	}
	l.log.lined.attach(m.LogLine)
	return m, both(ctx, events, wishes), nil
}

// openAfterHold opens a role once management readers let it begin (management-hold), and
// gave what it needs. Whoever waits for this process to be in the background is told
// before, as with OpenVPN.
func (r roles) openAfterHold(ctx context.Context, c *config.Config, open func(roles, *config.Config) (opened, error)) (opened, error) {
	if r.management.Holds() {
		r.tell()
	}
	if err := beforehand(ctx, c, r.management); err != nil {
		return opened{}, err
	}
	return open(r, c)
}

// toldPrograms are programs, and management readers that hear of up and down.
type toldPrograms struct {
	bringup.Programs // nil: none
	readers          *management.Interface
}

// Run implements bringup.Programs. Readers hear of a stage once its program has run.
func (t toldPrograms) Run(ctx context.Context, stage string, env *hooks.Env, args ...string) error {
	if t.Programs != nil {
		if err := t.Programs.Run(ctx, stage, env, args...); err != nil {
			return err
		}
	}
	if stage == "up" || stage == "down" {
		t.readers.UpDown(stage, env)
	}
	return nil
}

// placed is the management part of a configuration, with paths as they are here.
func placed(c *config.Config) config.Management {
	m := c.Management
	if m.Unix {
		m.Address = c.Path(m.Address)
	}
	if m.PasswordFile != "" && m.PasswordFile != "stdin" {
		m.PasswordFile = c.Path(m.PasswordFile)
	}
	return m
}

// both are the events of two sources, until the first is closed or ctx ends.
func both(ctx context.Context, first <-chan process.Event, second <-chan process.Event) <-chan process.Event {
	return fed(ctx, func() (e process.Event, more bool) {
		select {
		case e, more = <-first:
			return e, more
		case e = <-second:
		case <-ctx.Done():
		}
		return e, true
	})
}

// lined hands every line of the log to the management interface. Lines from before it is
// attached wait.
type lined struct {
	mu    sync.Mutex
	line  func(when time.Time, flags, text string)
	early []earlyLine
}

type earlyLine struct {
	when        time.Time
	flags, text string
}

// mostEarly is how many lines wait.
const mostEarly = 250

func (l *lined) add(when time.Time, flags, text string) {
	l.mu.Lock()
	line := l.line
	if line == nil && len(l.early) < mostEarly {
		l.early = append(l.early, earlyLine{when, flags, text})
	}
	l.mu.Unlock()
	if line != nil {
		line(when, flags, text)
	}
}

// take is a sink of the log.
func (l *lined) take(line logs.Line) { l.add(line.Time, flagsOf(line.Level), line.Text()) }

func (l *lined) attach(line func(when time.Time, flags, text string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.early {
		line(e.when, e.flags, e.text)
	}
	l.line, l.early = line, nil
}

// flagsOf are OpenVPN's flags for a level.
func flagsOf(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "N"
	case l >= slog.LevelWarn:
		return "W"
	case l >= slog.LevelInfo:
		return "I"
	}
	return "D"
}
