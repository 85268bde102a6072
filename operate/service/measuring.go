package service

import (
	"culvert/config"
	"culvert/operate/metrics"
	"culvert/role/event"
)

// measuring returns the metrics of a run of a configuration, which are served from now on,
// before rights are given up; nil: none are asked for. A process whose metrics cannot be
// served does its work all the same.
func measuring(c *config.Config, r roles) *metrics.Metrics {
	if c.Metrics.Listen.Port() == 0 {
		return nil
	}
	m := metrics.New(metrics.Options{Config: c, Log: r.log, Readers: r.local.reading})
	if err := m.Open(c.Metrics); err != nil {
		r.log.Error("no metrics are served", "error", err)
	}
	return m
}

// bothOf returns a reader of events that passes each to both.
func bothOf(first, second func(event.Event)) func(event.Event) {
	return func(e event.Event) {
		first(e)
		second(e)
	}
}

// measured has metrics tell of a role that was opened, and end with it.
func measured(o opened, m *metrics.Metrics, err error) (opened, error) {
	if m == nil {
		return o, err
	}
	if err != nil {
		m.Close()
		return o, err
	}
	if b, ok := o.role.(metrics.Backend); ok {
		m.Watch(b)
	}
	o.measured, o.stop = m, inTurn(m.Close, o.stop)
	return o, nil
}
