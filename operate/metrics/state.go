package metrics

import (
	"cmp"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"culvert/config"
	"culvert/internal/version"
	"culvert/nic/tuntap"
	"culvert/operate/backend"
	"culvert/role/server"
	"culvert/session"
	"culvert/tunnel"
)

// state tells how a back end is when it is asked.
type state struct {
	per     config.MetricsPer
	dates   *dates
	counts  *counts
	readers func() (int, uint64)    // of the API; nil: none
	backend atomic.Pointer[Backend] // nil: it has not begun

	// mu is for scrapes alone.
	mu sync.Mutex
	// carried is the most that was told of traffic: sessions that are just being counted
	// among those that left are in neither sum, and a counter must not go back.
	carried server.Traffic
}

// Describe implements prometheus.Collector.
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, f := range families {
		to <- f.desc
	}
}

// telling sends metrics of families.
type telling chan<- prometheus.Metric

// tell sends one. A label that Prometheus would not take is made one.
func (t telling) tell(f *family, value float64, labels ...string) {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	if m, err := prometheus.NewConstMetric(f.desc, f.kind, value, labels...); err == nil {
		t <- m
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(ch chan<- prometheus.Metric) {
	to := telling(ch)
	b := version.Current()
	to.tell(buildInfo, 1, b.Version, b.Commit, b.Go)
	for what, end := range s.dates.ends() {
		to.tell(certificateEnd, unix(end), what)
	}
	at := s.backend.Load()
	if at == nil {
		return
	}
	now := (*at).Status()
	s.common(to, *at, &now)
	if c, ok := (*at).(crowd); ok {
		tellCrowd(to, c, &now)
	} else {
		for stage := range s.counts.one.tally {
			for outcome := range s.counts.one.tally[stage] {
				tellHandshakes(to, stage, outcome, s.counts.one.tally[stage][outcome].Load())
			}
		}
	}
	if s.per != config.PerNobody {
		tellPeers(to, s.per, now.Peers)
	}
}

// common tells what every role has.
func (s *state) common(to telling, b Backend, now *backend.Status) {
	connected, connecting := 0, 0
	for i := range now.Peers {
		if now.Peers[i].Connecting {
			connecting++
		} else {
			connected++
		}
	}
	to.tell(sessions, float64(connected), "connected")
	to.tell(sessions, float64(connecting), "connecting")
	if !now.Since.IsZero() {
		to.tell(startTime, unix(now.Since), now.Role, now.Adapter)
	}
	t := s.traffic(b.Traffic(now.Peers))
	to.tell(bytesTotal, float64(t.BytesIn), "in")
	to.tell(bytesTotal, float64(t.BytesOut), "out")
	to.tell(packetsTotal, float64(t.PacketsIn), "in")
	to.tell(packetsTotal, float64(t.PacketsOut), "out")
	reasons := maps.Clone(now.Drops)
	delete(reasons, tuntap.QueueFull)
	for _, reason := range tunnel.Drops() { // also those that have not happened
		to.tell(drops, float64(reasons[reason.String()]), reason.String())
		delete(reasons, reason.String())
	}
	for reason, n := range reasons {
		to.tell(drops, float64(n), reason)
	}
	to.tell(overflow, float64(now.Drops[tuntap.QueueFull]))
	to.tell(marked, float64(now.Marked))
	if q := now.Queue; q != nil {
		to.tell(waiting, float64(q.Waiting))
		to.tell(room, float64(q.Room))
	}
	_, lost := b.Reading()
	to.tell(missed, float64(lost), "process")
	if s.readers != nil {
		reading, gone := s.readers()
		to.tell(readers, float64(reading))
		to.tell(missed, float64(gone), "api")
	}
}

// traffic is what was carried, and never less than was told before.
func (s *state) traffic(t server.Traffic) server.Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.carried
	c.BytesIn, c.BytesOut = max(c.BytesIn, t.BytesIn), max(c.BytesOut, t.BytesOut)
	c.PacketsIn, c.PacketsOut = max(c.PacketsIn, t.PacketsIn), max(c.PacketsOut, t.PacketsOut)
	return *c
}

// tellCrowd tells what a server has.
func tellCrowd(to telling, c crowd, now *backend.Status) {
	tally := c.Handshakes()
	for stage := range tally {
		for outcome, n := range tally[stage] {
			tellHandshakes(to, stage, outcome, n)
		}
	}
	for _, r := range now.Records {
		failing := 0.0
		if r.Trouble != "" {
			failing = 1
		}
		to.tell(recordsLost, float64(r.Lost), r.Name)
		to.tell(recordsFailing, failing, r.Name)
	}
	pools := c.Pools()
	for family, size := range map[string]int{"ipv4": pools.IPv4, "ipv6": pools.IPv6} {
		if size > 0 {
			to.tell(poolSize, float64(size), family)
			to.tell(poolLeased, float64(pools.Leased), family)
		}
	}
	if e := now.Endings; e != nil {
		for days, n := range map[int]int{30: e.In30, 14: e.In14, 7: e.In7} {
			to.tell(ending, float64(n), strconv.Itoa(days))
		}
	}
}

// tellHandshakes tells of one stage and outcome, if that can be.
func tellHandshakes(to telling, stage, outcome int, n uint64) {
	s, o := session.Stage(stage), server.Outcome(outcome)
	if n == 0 && (o != server.Broken && o != server.Completed || (o == server.Completed) != (s == session.StageUp)) {
		return
	}
	to.tell(handshakes, float64(n), s.String(), o.String())
}

// peer is a user or a device with its sessions.
type peer struct {
	in, out  uint64
	sessions int
	since    time.Time
}

// tellPeers tells of each user, or each device, that has a session.
func tellPeers(to telling, per config.MetricsPer, peers []backend.Peer) {
	all := make(map[string]peer)
	for i := range peers {
		p := &peers[i]
		if p.Connecting {
			continue
		}
		name := p.Name
		if per == config.PerUser {
			name = cmp.Or(p.User, p.Name)
		}
		name = strings.ToValidUTF8(name, "\uFFFD")
		one := all[name]
		one.in, one.out, one.sessions = one.in+p.BytesIn, one.out+p.BytesOut, one.sessions+1
		if one.since.IsZero() || p.Since.Before(one.since) {
			one.since = p.Since
		}
		all[name] = one
	}
	for name, one := range all {
		to.tell(peerBytes, float64(one.in), name, "in")
		to.tell(peerBytes, float64(one.out), name, "out")
		to.tell(peerSessions, float64(one.sessions), name)
		if !one.since.IsZero() {
			to.tell(peerSince, unix(one.since), name)
		}
	}
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
