package logs

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"culvert/internal/printable"
	"culvert/internal/subsystem"
)

// Filter lets messages through to another handler by the level of their subsystem, and
// says there whose they are (Whose).
type Filter struct {
	levels *Levels
	next   slog.Handler
	whose  subsystem.Name // by an attribute; "": by the function that logs
}

// NewFilter filters by levels what reaches next.
func NewFilter(levels *Levels, next slog.Handler) *Filter { return &Filter{levels: levels, next: next} }

// Enabled reports whether anything of this level may be let through.
func (f *Filter) Enabled(ctx context.Context, l slog.Level) bool {
	least := f.levels.Least()
	if f.whose != "" {
		least = f.levels.Of(f.whose)
	}
	return l >= least && f.next.Enabled(ctx, l)
}

// whose is the key of a context's subsystem.
type whose struct{}

// Whose returns the subsystem whose message a handler behind a Filter was given.
func Whose(ctx context.Context) subsystem.Name {
	if n, ok := ctx.Value(whose{}).(subsystem.Name); ok {
		return n
	}
	return subsystem.Process
}

// Handle lets the message through or not.
func (f *Filter) Handle(ctx context.Context, r slog.Record) error {
	name := f.whose
	if name == "" {
		name = subsystem.Of(r.PC)
	}
	if r.Level < f.levels.Of(name) {
		return nil
	}
	return f.next.Handle(context.WithValue(ctx, whose{}, name), r)
}

// WithAttrs takes the name of a subsystem (subsystem.Name.Attr) and passes other
// attributes on.
func (f *Filter) WithAttrs(attrs []slog.Attr) slog.Handler {
	with, rest := *f, make([]slog.Attr, 0, len(attrs))
	for _, a := range attrs {
		if n, ok := subsystem.Named(a); ok {
			with.whose = n
		} else {
			rest = append(rest, a)
		}
	}
	if len(rest) > 0 {
		with.next = f.next.WithAttrs(rest)
	}
	return &with
}

// WithGroup groups the attributes of every message.
func (f *Filter) WithGroup(name string) slog.Handler {
	with := *f
	with.next = f.next.WithGroup(name)
	return &with
}

// Sink takes lines of the log, on the goroutine that logs. It must not block; Queue.Sink is for one that may.
type Sink func(Line)

// lines makes a Line of every message, for a sink.
type lines struct {
	sink   Sink
	prefix string // of groups
	attrs  []Attribute
}

// NewHandler gives every message to a sink, as a Line.
func NewHandler(sink Sink) slog.Handler { return &lines{sink: sink} }

// Enabled reports true: a Filter decides.
func (*lines) Enabled(context.Context, slog.Level) bool { return true }

// Handle makes the Line.
func (h *lines) Handle(ctx context.Context, r slog.Record) error {
	l := Line{Time: r.Time, Level: r.Level, Subsystem: Whose(ctx), Message: printable.Line(r.Message), Attributes: slices.Clip(h.attrs)}
	r.Attrs(func(a slog.Attr) bool {
		l.Attributes = attributes(l.Attributes, h.prefix, a)
		return true
	})
	h.sink(l)
	return nil
}

// WithAttrs adds to every message.
func (h *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = slices.Clip(with.attrs)
	for _, a := range attrs {
		with.attrs = attributes(with.attrs, h.prefix, a)
	}
	return &with
}

// WithGroup groups the attributes of every message.
func (h *lines) WithGroup(name string) slog.Handler {
	with := *h
	with.prefix += name + "."
	return &with
}

// Tee passes every message on to several handlers.
type Tee []slog.Handler

// Enabled reports whether one of them wants it.
func (t Tee) Enabled(ctx context.Context, l slog.Level) bool {
	return slices.ContainsFunc(t, func(h slog.Handler) bool { return h.Enabled(ctx, l) })
}

// Handle passes the message on; all of them get it, also where one fails.
func (t Tee) Handle(ctx context.Context, r slog.Record) error {
	var all []error
	for _, h := range t {
		if h.Enabled(ctx, r.Level) {
			all = append(all, h.Handle(ctx, r))
		}
	}
	return errors.Join(all...)
}

// WithAttrs adds to every message.
func (t Tee) WithAttrs(a []slog.Attr) slog.Handler {
	return t.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(a) })
}

// WithGroup groups the attributes of every message.
func (t Tee) WithGroup(name string) slog.Handler {
	return t.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (t Tee) each(change func(slog.Handler) slog.Handler) Tee {
	all := make(Tee, len(t))
	for i, h := range t {
		all[i] = change(h)
	}
	return all
}
