package service

import (
	"log/slog"

	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/traces"
)

// tracing returns what sends traces of handshakes; nil: none are asked for.
func tracing(c *config.Config, log *slog.Logger) *traces.Tracer {
	if c.Metrics.TraceTo == "" {
		return nil
	}
	role := "pair"
	switch {
	case c.Mode == config.ModeServer:
		role = "server"
	case c.Pull:
		role = "client"
	}
	return traces.New(traces.Options{URL: c.Metrics.TraceTo, Role: role, Log: log})
}

// traced has a role that was opened tell of its handshakes, until it ends.
func traced(o opened, t *traces.Tracer) opened {
	if t == nil || o.role == nil {
		return o
	}
	t.Follow(o.role.Events(traces.Room))
	o.stop = inTurn(t.Close, o.stop)
	return o
}

// tracesFare returns how traces fare.
func tracesFare(t *traces.Tracer) func() backend.Record {
	return func() backend.Record {
		s := t.Stats()
		return backend.Record{Name: "traces", Lost: s.Lost, Trouble: s.Trouble}
	}
}
