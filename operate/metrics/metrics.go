// Package metrics is what a process tells of itself to Prometheus, in numbers: what its
// back end knows at the moment it is asked, and what it has counted of events. Whoever asks
// holds nobody up: a scrape reads snapshots, and events are counted by atomic additions.
package metrics

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"culvert/config"
	"culvert/operate/backend"
	"culvert/role/server"
)

// Backend is a running tunnel, as far as metrics need it.
type Backend interface {
	Status() backend.Status
	// Traffic is what was carried so far, of peers who are here, and of all who have left.
	Traffic(peers []backend.Peer) server.Traffic
	// Reading is how many parts of the process read events, and how many events they lost.
	Reading() (readers int, lost uint64)
}

// crowd is what only a server has.
type crowd interface {
	Handshakes() server.Tally
	Pools() server.Pools
}

// Options are what New works with.
type Options struct {
	Config *config.Config
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
	// Readers is how many readers of events the API has, and how many events were gone before
	// they came to them; nil: there is no API.
	Readers func() (readers int, missed uint64)
}

// Metrics are those of one run of a role. Make it with New; nil counts nothing and serves
// nothing.
type Metrics struct {
	registry *prometheus.Registry
	counts   *counts
	state    *state
	door     *door // nil: not open
	log      *slog.Logger
}

// New returns metrics that have counted nothing yet.
func New(o Options) *Metrics {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Metrics{registry: prometheus.NewRegistry(), counts: newCounts(o.Config.Mode == config.ModeServer), log: o.Log}
	m.state = &state{readers: o.Readers, per: o.Config.Metrics.Per, dates: newDates(o.Config.Trust, o.Now), counts: m.counts}
	m.registry.MustRegister(m.state, m.counts, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if o.Config.Metrics.OpenVPNNames {
		m.registry.MustRegister(&exporter{of: m.state, path: o.Config.Process.Status, now: o.Now})
	}
	return m
}

// Adopt has the metrics tell of the files of another configuration, with which sessions go
// on.
func (m *Metrics) Adopt(c *config.Config) {
	if m != nil {
		m.state.dates.adopt(c.Trust)
	}
}

// Watch has the metrics tell of a back end from now on.
func (m *Metrics) Watch(b Backend) {
	if m != nil {
		m.state.backend.Store(&b)
	}
}
