package metrics

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"culvert/access"
	"culvert/access/auth"
	"culvert/role/event"
	"culvert/role/server"
	"culvert/role/server/admission"
	"culvert/session"
	"culvert/session/negotiate"
)

// durations are the limits of the buckets of handshakes, in seconds: from one between
// neighbours to one that waits for a person.
var durations = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}

// counts is what is counted of events. All of it is atomic additions.
type counts struct {
	took      prometheus.Histogram
	stages    *prometheus.HistogramVec
	rekeyed   prometheus.Histogram
	renewals  *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	signIns   *prometheus.CounterVec
	floats    prometheus.Counter
	ended     *prometheus.CounterVec
	certified prometheus.Counter

	// one counts the handshakes of a role with one peer, which a server does by itself.
	one struct {
		tally [session.Stages][server.Outcomes]atomic.Uint64
		// at is the stage of the handshake under way; idle: there is none.
		at atomic.Int64
	}
}

// idle says that no handshake is under way.
const idle = -1

// newCounts has counted nothing. What can be told of a role is there from the beginning, as 0: an
// alert sees no increase in a series that begins with its first event.
func newCounts(server bool) *counts {
	histogram := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: name, Help: help, Buckets: durations}
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	c := &counts{
		took:      prometheus.NewHistogram(histogram("culvert_handshake_duration_seconds", "How long first handshakes took that were completed, logins included.")),
		stages:    prometheus.NewHistogramVec(histogram("culvert_handshake_stage_duration_seconds", "How long the stages of these handshakes took."), []string{"stage"}),
		rekeyed:   prometheus.NewHistogram(histogram("culvert_rekey_duration_seconds", "How long renewals of keys took that were completed.")),
		renewals:  vec("culvert_rekeys_total", "Renewals of keys, by outcome.", "outcome"),
		refusals:  vec("culvert_refusals_total", "Clients that a server turned away, by who refused.", "by"),
		signIns:   vec("culvert_sign_ins_total", "Answers about logins, by who was asked and by outcome.", "source", "outcome"),
		floats:    prometheus.NewCounter(prometheus.CounterOpts{Name: "culvert_floats_total", Help: "Changes of peers' outer addresses, at most one a second counted of each."}),
		ended:     vec("culvert_sessions_ended_total", "Sessions that had been up and ended, by how.", "how"),
		certified: prometheus.NewCounter(prometheus.CounterOpts{Name: "culvert_certificates_renewed_total", Help: "Clients that were given their next certificate over their session."}),
	}
	c.one.at.Store(idle)
	for _, outcome := range []string{"completed", "failed"} {
		c.renewals.WithLabelValues(outcome)
	}
	for _, how := range endings(server) {
		c.ended.WithLabelValues(how)
	}
	if !server {
		return c
	}
	for _, by := range access.Refusers {
		c.refusals.WithLabelValues(string(by))
	}
	for _, source := range admission.Sources {
		for _, outcome := range []string{"refused", "accepted", "error", "challenged"} {
			c.signIns.WithLabelValues(source, outcome)
		}
	}
	return c
}

func (c *counts) all() []prometheus.Collector {
	return []prometheus.Collector{c.took, c.stages, c.rekeyed, c.renewals, c.refusals, c.signIns, c.floats, c.ended, c.certified}
}

// Describe implements prometheus.Collector.
func (c *counts) Describe(to chan<- *prometheus.Desc) {
	for _, one := range c.all() {
		one.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (c *counts) Collect(to chan<- prometheus.Metric) {
	for _, one := range c.all() {
		one.Collect(to)
	}
}

// completed counts a first handshake that came to its end.
func (c *counts) completed(h *session.Course) {
	if !h.Over() {
		return
	}
	c.took.Observe(seconds(h.Ends[session.StageUp].Sub(h.Began)))
	for s := range session.Stages {
		if took, ended := h.Took(session.Stage(s)); ended {
			c.stages.WithLabelValues(session.Stage(s).String()).Observe(seconds(took))
		}
	}
}

func (c *counts) renewed(h *session.Course) {
	c.renewals.WithLabelValues("completed").Inc()
	if h.Over() {
		c.rekeyed.Observe(seconds(h.Ends[session.StageUp].Sub(h.Began)))
	}
}

func seconds(d time.Duration) float64 { return max(0, d.Seconds()) }

// Client counts an event of a server. It does not block.
func (m *Metrics) Client(e server.Event) {
	if m == nil {
		return
	}
	c := m.counts
	switch e := e.(type) {
	case server.Up:
		c.completed(&e.Handshake.Course)
	case server.Renewed:
		c.renewed(&e.Handshake.Course)
	case server.RenewalFailed:
		c.renewals.WithLabelValues("failed").Inc()
	case server.LoginRefused:
		c.refused(e.Handshake.By)
	case server.KeyRefused:
		c.refused(e.Handshake.By)
	case server.Refused:
		c.refused(e.Handshake.By)
	case server.ShutOut:
		c.refused(access.ByList)
	case server.Moved:
		c.floats.Inc()
	case server.Certified:
		c.certified.Inc()
	case server.Ended:
		if e.WasUp {
			c.ended.WithLabelValues(ways[e.How]).Inc()
		}
	}
}

func (c *counts) refused(by access.By) {
	if by != "" {
		c.refusals.WithLabelValues(string(by)).Inc()
	}
}

// ways are how sessions end that were up, in a word.
var ways = map[server.Ending]string{server.Lost: "lost", server.Left: "left", server.Dismissed: "dismissed"}

// endings are those of sessions of a role.
func endings(isServer bool) []string {
	if isServer {
		return slices.Collect(maps.Values(ways))
	}
	return []string{ways[server.Lost], ways[server.Left]}
}

// Peer counts an event of a role with one peer. It does not block.
func (m *Metrics) Peer(e event.Event) {
	if m == nil {
		return
	}
	c := m.counts
	switch e := e.(type) {
	case event.Connecting:
		c.abandoned()
		c.one.at.Store(int64(session.StageAnswer))
	case event.Answered:
		c.one.at.Store(int64(session.StageTLS))
	case event.Asking:
		c.one.at.Store(int64(session.StageDecision))
	case event.Secured:
		c.one.at.Store(idle)
		c.one.tally[session.StageUp][server.Completed].Add(1)
		c.completed(&e.Course)
	case event.Reconnecting, event.Failed, event.Ended:
		c.abandoned()
	case event.Renewed:
		c.renewed(&e.Course)
	case event.RenewalFailed:
		c.renewals.WithLabelValues("failed").Inc()
	case event.Moved:
		c.floats.Inc()
	case event.Left:
		c.ended.WithLabelValues(ways[server.Left]).Inc()
	case event.Lost:
		c.ended.WithLabelValues(ways[server.Lost]).Inc()
	}
}

// abandoned counts the handshake under way, if there is one, which comes to nothing.
func (c *counts) abandoned() {
	if at := c.one.at.Swap(idle); at != idle {
		c.one.tally[at][server.Broken].Add(1)
	}
}

// SignedIn counts an answer about a login, by who gave it. It does not block.
func (m *Metrics) SignedIn(who string, v auth.Verdict) {
	if m == nil {
		return
	}
	outcome := "refused"
	switch {
	case v.OK:
		outcome = "accepted"
	case v.Err != nil:
		outcome = "error"
	case negotiate.IsChallenge(v.Reason):
		outcome = "challenged"
	}
	m.counts.signIns.WithLabelValues(who, outcome).Inc()
}
