package service

import (
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lmittmann/tint"

	"culvert/config"
	"culvert/host/process"
	"culvert/internal/mute"
	"culvert/internal/printable"
	"culvert/operate/console"
)

// log is where a process writes what happens. `log` and `daemon` decide where
// once; `verb` may change with the configuration.
type log struct {
	*slog.Logger
	level *slog.LevelVar
	// shown is `verb`, and mute is `mute`; the management interface changes both.
	shown, mute atomic.Int64
	lined       lined
	// screen shows a client to a user, and the warnings of the log above that; nil: the
	// log is all there is.
	screen *console.Screen
	// brief leaves out what others show in another way.
	brief bool
	// alone is the log without `mute` where it is the only one that a reader
	// may have: not the standard error output.
	alone *slog.Logger
}

// newLog writes for people: to the file that `log` names, to the system's
// logger for `daemon` and `syslog`, or to the terminal, as much as `verb` asks
// for. A file also gets what a crash of this program prints. A worker appends to
// what its keeper began.
func newLog(c *config.Config, worker bool, o Options) *log {
	l := &log{level: new(slog.LevelVar), screen: o.screenFor(c)}
	l.brief = l.screen != nil || o.Show == ShowJSON
	l.setVerb(c.Process.Verb)
	l.mute.Store(int64(c.Process.Mute))
	l.Logger = slog.New(mute.New(newFork(l.handler(c, worker), &l.lined), &l.mute))
	return l
}

// handler writes to the file that is named, if any. If that cannot be written, the
// log goes where it would go without one, as with OpenVPN.
func (l *log) handler(c *config.Config, worker bool) slog.Handler {
	if c.Process.Log == "" {
		return l.unfiled(c)
	}
	f, err := openLog(c, worker)
	if err != nil {
		h := l.unfiled(c)
		slog.New(h).Warn("the log file cannot be written, so the log goes here; name a file in a directory that exists", "error", err)
		return h
	}
	h := l.text(c, f, false)
	l.alone = slog.New(h)
	return h
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

// unfiled is the system's logger, or the standard error output.
func (l *log) unfiled(c *config.Config) slog.Handler {
	if c.Process.Syslog == "" {
		return l.terminal(c)
	}
	h, err := newSyslog(c.Process.Syslog, l.level)
	if err == nil {
		h = printable.NewHandler(h)
		l.alone = slog.New(h)
		return h
	}
	h = l.text(c, os.Stderr, false)
	slog.New(h).Warn("the system has no logger; name a file with `log`", "error", err)
	return h
}

func (l *log) text(c *config.Config, w io.Writer, color bool) slog.Handler {
	o := &tint.Options{Level: l.level, TimeFormat: time.DateTime, NoColor: !color}
	if c.Process.SuppressTimestamps {
		o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	return printable.NewHandler(tint.NewTextHandler(w, o))
}

func (l *log) terminal(c *config.Config) slog.Handler {
	if l.screen != nil {
		return l.text(c, l.screen, process.Colors(os.Stderr))
	}
	return l.text(c, os.Stderr, process.Colors(os.Stderr))
}

// TerminalLog is the log of a process without a configuration.
func TerminalLog() *slog.Logger {
	l := &log{level: new(slog.LevelVar)}
	return slog.New(l.terminal(new(config.Config)))
}

// notes logs the notes of a configuration, and takes its level.
func (l *log) notes(c *config.Config) {
	l.setVerb(c.Process.Verb)
	for _, note := range c.Notes {
		l.Warn(note.Pos.String() + ": " + note.Text)
	}
}

// verb is how much is logged, as `verb` has it.
func (l *log) verb() int { return int(l.shown.Load()) }

func (l *log) setVerb(n int) {
	l.shown.Store(int64(n))
	least := level(n)
	if l.brief && least == slog.LevelInfo {
		least = slog.LevelWarn
	}
	l.level.Set(least)
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
