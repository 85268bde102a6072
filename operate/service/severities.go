package service

import (
	"context"
	"log/slog"

	"culvert/operate/logs"
)

// severities writes each level to its own writer by a queue, without time and level, which the
// system's logger adds itself.
type severities struct {
	level                    slog.Leveler
	debug, info, warn, fault slog.Handler
}

// lineWriter is one severity of a system's logger.
type lineWriter func(string) error

func (w lineWriter) Write(p []byte) (int, error) { return len(p), w(string(p)) }

func newSeverities(level slog.Leveler, q *logs.Queue, debug, info, warn, fault lineWriter) severities {
	text := func(w lineWriter) slog.Handler {
		return slog.NewTextHandler(q.Writer(w), &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		}})
	}
	return severities{level, text(debug), text(info), text(warn), text(fault)}
}

// newFormatted writes lines in a format, each at the severity of its level and without the
// time.
func newFormatted(f logs.Format, q *logs.Queue, debug, info, warn, fault lineWriter) slog.Handler {
	at := func(w lineWriter) logs.Sink { return logs.NewWriter(q.Writer(w), f, false) }
	debugs, infos, warnings, faults := at(debug), at(info), at(warn), at(fault)
	return logs.NewHandler(func(l logs.Line) {
		switch {
		case l.Level >= slog.LevelError:
			faults(l)
		case l.Level >= slog.LevelWarn:
			warnings(l)
		case l.Level >= slog.LevelInfo:
			infos(l)
		default:
			debugs(l)
		}
	})
}

// Enabled compares with the level.
func (s severities) Enabled(_ context.Context, l slog.Level) bool { return l >= s.level.Level() }

// Handle writes at the severity of the record's level.
func (s severities) Handle(ctx context.Context, r slog.Record) error {
	switch {
	case r.Level >= slog.LevelError:
		return s.fault.Handle(ctx, r)
	case r.Level >= slog.LevelWarn:
		return s.warn.Handle(ctx, r)
	case r.Level >= slog.LevelInfo:
		return s.info.Handle(ctx, r)
	}
	return s.debug.Handle(ctx, r)
}

// WithAttrs adds to every message.
func (s severities) WithAttrs(a []slog.Attr) slog.Handler {
	return s.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(a) })
}

// WithGroup groups the attributes of every message.
func (s severities) WithGroup(name string) slog.Handler {
	return s.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (s severities) each(change func(slog.Handler) slog.Handler) severities {
	return severities{s.level, change(s.debug), change(s.info), change(s.warn), change(s.fault)}
}
