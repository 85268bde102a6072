package printable

import (
	"context"
	"fmt"
	"log/slog"
)

// handler passes every message and attribute through Line.
type handler struct{ next slog.Handler }

// NewHandler filters messages before they reach a log's handler, so that text from
// a stranger can neither begin a line of the log nor control a terminal.
func NewHandler(next slog.Handler) slog.Handler { return handler{next} }

// Enabled asks the next handler.
func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle passes on a record that is safe to show.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	shown := slog.NewRecord(r.Time, r.Level, Line(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		shown.AddAttrs(attribute(a))
		return true
	})
	return h.next.Handle(ctx, shown)
}

// WithAttrs returns a handler whose records all have these attributes.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.next.WithAttrs(attributes(attrs))}
}

// WithGroup returns a handler whose attributes are in a group.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.next.WithGroup(name)} }

func attributes(attrs []slog.Attr) []slog.Attr {
	shown := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		shown[i] = attribute(a)
	}
	return shown
}

func attribute(a slog.Attr) slog.Attr {
	return slog.Attr{Key: Line(a.Key), Value: value(a.Value.Resolve())}
}

// value returns v with escapes where it needs them. A value that needs none keeps
// its kind.
func value(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(Line(v.String()))
	case slog.KindGroup:
		return slog.GroupValue(attributes(v.Group())...)
	case slog.KindAny:
		if text := fmt.Sprintf("%+v", v.Any()); Line(text) != text {
			return slog.StringValue(Line(text))
		}
	}
	return v
}
