package service

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lmittmann/tint"

	"culvert/config"
	"culvert/host/privsep"
	"culvert/host/process"
	"culvert/internal/mute"
	"culvert/internal/printable"
	"culvert/internal/subsystem"
	"culvert/operate/console"
	"culvert/operate/logs"
	"culvert/role/profile"
)

// log is where a process writes what happens. `log` and `daemon` decide where
// once; `verb` and `log-level` may change with the configuration.
type log struct {
	*slog.Logger
	levels *logs.Levels
	// latest keeps the last lines for who asks.
	latest *logs.Ring
	// shown is `verb`, and mute is `mute`; the management interface changes both.
	shown, mute atomic.Int64
	lined       lined
	// screen shows a client to a user, and the warnings of the log above that; nil: the
	// log is all there is.
	screen *console.Screen
	// alone is the log without `mute` where it is the only one that a reader
	// may have: not the standard error output.
	alone *slog.Logger
	// queue is before where the log goes.
	queue *logs.Queue
}

// newLog writes for people: to the file that `log` names, to the system's
// logger for `daemon` and `syslog`, to its journal, or to the terminal, as much as
// `verb` asks for. A file also gets what a crash of this program prints. A worker
// appends to what its keeper began.
func newLog(c *config.Config, worker bool, o Options) *log {
	l := &log{levels: new(logs.Levels), latest: new(logs.Ring), screen: o.screenFor(c)}
	l.setLevels(c)
	l.mute.Store(int64(c.Process.Mute))
	out := l.output(c, worker)
	var written slog.Handler
	written, l.queue = logs.Queued(out.form)
	if !out.shared {
		l.alone = slog.New(written)
	}
	for _, t := range out.troubles {
		slog.New(logs.NewFilter(l.levels, written)).Warn(t.text, "error", t.error)
	}
	if l.screen != nil || o.Show == ShowJSON {
		written = brief{written, l.levels}
	}
	sinks := logs.Tee{logs.NewHandler(l.lined.take), logs.NewHandler(l.latest.Add), written}
	l.Logger = slog.New(logs.NewFilter(l.levels, mute.New(sinks, &l.mute)))
	return l
}

// output is where the log goes.
type output struct {
	form func(*logs.Queue) slog.Handler
	// shared says that this process writes other things there, too: the standard error
	// output.
	shared   bool
	troubles []trouble
}

// trouble is why the log does not go where it should.
type trouble struct {
	text  string
	error error
}

// but is the output instead of another one, with which there is trouble.
func (o output) but(text string, err error) output {
	o.troubles = append(o.troubles, trouble{text, err})
	return o
}

// output is the file that is named, if any. If that cannot be written, the log goes where
// it would go without one, as with OpenVPN.
func (l *log) output(c *config.Config, worker bool) output {
	if c.Process.Log == "" {
		return l.unfiled(c)
	}
	f, err := openLog(c, worker)
	if err != nil {
		return l.unfiled(c).but("the log file cannot be written, so the log goes here; name a file in a directory that exists", err)
	}
	return output{form: func(q *logs.Queue) slog.Handler { return text(c, q.Writer(f), false) }}
}

func openLog(c *config.Config, worker bool) (*os.File, error) {
	mode := os.O_APPEND
	if !c.Process.LogAppend && !worker {
		mode |= os.O_TRUNC
	}
	f, err := process.Create(c.Process.Log, os.O_WRONLY|os.O_CREATE|mode|process.NonBlocking, 0o600)
	if err != nil {
		return nil, err
	}
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// unfiled is the system's journal, its logger, or the standard error output.
func (l *log) unfiled(c *config.Config) output {
	p, there := &c.Process, logs.StderrIsJournal()
	switch {
	case p.LogJournal == config.JournalOff,
		p.LogJournal == config.JournalAuto && (!there || p.Syslog != "" || p.LogFormat != config.LogText):
		return l.unjournaled(c)
	}
	j, ok := logs.OpenJournal(cmp.Or(p.Syslog, "culvert"), os.Stderr)
	switch {
	case ok:
		return output{form: func(q *logs.Queue) slog.Handler { return logs.NewHandler(q.Sink(j.Write)) }, shared: there}
	case p.LogJournal == config.JournalOn:
		return l.unjournaled(c).but("this host has no journal of systemd, so the log goes here", errors.New("its socket does not answer"))
	}
	return l.unjournaled(c)
}

// unjournaled is the system's logger, or the standard error output.
func (l *log) unjournaled(c *config.Config) output {
	if c.Process.Syslog == "" {
		return l.terminal(c)
	}
	form, err := newSyslog(c.Process.Syslog, c.Process.LogFormat)
	if err != nil {
		return l.terminal(c).but("the system has no logger; name a file with `log`", err)
	}
	return output{form: func(q *logs.Queue) slog.Handler { return printable.NewHandler(form(q)) }}
}

// outputTime is how long an output may take for what was logged before, when the process
// ends or asks its user.
const outputTime = 2 * time.Second

// flush has written what was logged until now.
func (l *log) flush() { l.queue.Flush(outputTime) }

// text writes lines for people, or in the form that `log-format` asks for.
func text(c *config.Config, w io.Writer, color bool) slog.Handler {
	times := !c.Process.SuppressTimestamps
	if f := c.Process.LogFormat; f != config.LogText {
		return logs.NewHandler(logs.NewWriter(w, logs.Format(f), times))
	}
	o := &tint.Options{Level: slog.LevelDebug, TimeFormat: time.DateTime, NoColor: !color}
	if !times {
		o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	return printable.NewHandler(tint.NewTextHandler(w, o))
}

// terminal is the standard error output, or the screen there.
func (l *log) terminal(c *config.Config) output {
	var w io.Writer = os.Stderr
	if l.screen != nil {
		w = l.screen
	}
	colors := process.Colors(os.Stderr)
	return output{form: func(q *logs.Queue) slog.Handler { return text(c, q.Writer(w), colors) }, shared: true}
}

// TerminalLog is the log of a process without a configuration. flush has written what was
// logged until then, and ask asks the user after that.
func TerminalLog() (written *slog.Logger, ask profile.Ask, flush func()) {
	l := &log{levels: new(logs.Levels)}
	h, q := logs.Queued(l.terminal(new(config.Config)).form)
	l.queue = q
	return slog.New(logs.NewFilter(l.levels, h)), asking(nil, q, AskTerminal), l.flush
}

// notes logs the notes of a configuration, and takes its levels.
func (l *log) notes(c *config.Config) {
	l.setLevels(c)
	for _, note := range c.Notes {
		l.Warn(note.Pos.String() + ": " + note.Text)
	}
}

// verb is how much is logged, as `verb` has it.
func (l *log) verb() int { return int(l.shown.Load()) }

// setVerb changes what is logged of subsystems without a level of their own.
func (l *log) setVerb(n int) {
	l.shown.Store(int64(n))
	l.levels.SetGeneral(level(n))
}

// setLevels takes `verb` and `log-level` of a configuration, in place of what was asked for
// since.
func (l *log) setLevels(c *config.Config) {
	l.shown.Store(int64(c.Process.Verb))
	own := map[subsystem.Name]slog.Level{}
	for _, o := range c.Process.LogLevels {
		own[o.Subsystem] = o.Level
	}
	l.levels.Set(level(c.Process.Verb), own)
}

// control is what can be asked of the log.
func (l *log) control(w *privsep.Worker) logs.Control {
	return logs.Control{Latest: l.latest, Levels: l.levels, Verb: l.verb, Changed: func() { l.share(w) }}
}

// share has a worker's keeper log as much as the worker; nil: there is none.
func (l *log) share(w *privsep.Worker) {
	if w != nil {
		w.SetLevels(l.levels.Encode())
	}
}

// lastWords logs why the process ends, with a line for each fault.
func (l *log) lastWords(err error) {
	if l.alone == nil {
		return // main says it
	}
	for line := range strings.Lines(err.Error()) {
		l.alone.Error(strings.TrimSpace(line))
	}
}

// level is what `verb` means: 0 errors alone, 1 to 3 what happens too, from 4
// everything.
func level(verb int) slog.Level {
	switch {
	case verb <= 0:
		return slog.LevelError
	case verb <= 3:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// brief leaves out what is shown in another way: what happens, unless more is asked for,
// in general or of a subsystem.
type brief struct {
	slog.Handler
	levels *logs.Levels
}

// Handle passes on warnings, and what was asked for.
func (b brief) Handle(ctx context.Context, r slog.Record) error {
	_, own := b.levels.Own(logs.Whose(ctx))
	if r.Level < slog.LevelWarn && b.levels.General() == slog.LevelInfo && !own {
		return nil
	}
	return b.Handler.Handle(ctx, r)
}

// WithAttrs adds to every message.
func (b brief) WithAttrs(a []slog.Attr) slog.Handler { return brief{b.Handler.WithAttrs(a), b.levels} }

// WithGroup groups the attributes of every message.
func (b brief) WithGroup(name string) slog.Handler { return brief{b.Handler.WithGroup(name), b.levels} }
