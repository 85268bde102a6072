package metrics

import "github.com/prometheus/client_golang/prometheus"

// family is a metric that state tells of.
type family struct {
	name   string
	kind   prometheus.ValueType
	help   string
	labels []string
	desc   *prometheus.Desc
}

func declare(kind prometheus.ValueType, name, help string, labels ...string) *family {
	f := &family{name: name, kind: kind, help: help, labels: labels, desc: prometheus.NewDesc(name, help, labels, nil)}
	families = append(families, f)
	return f
}

// families are all that state tells of.
var families []*family

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// Of every role.
var (
	buildInfo      = declare(gauge, "culvert_build_info", "1, for the build that runs.", "version", "commit", "go_version")
	startTime      = declare(gauge, "culvert_start_time_seconds", "When the adapter of this run was first opened, in Unix time.", "role", "adapter")
	sessions       = declare(gauge, "culvert_sessions", "Peers, by whether they are in (connected) or in their first handshake (connecting).", "state")
	bytesTotal     = declare(counter, "culvert_bytes_total", "Bytes of data channel packets, framing included, from peers (in) and to peers (out).", "direction")
	packetsTotal   = declare(counter, "culvert_packets_total", "Packets of the inner network, from peers (in) and to peers (out).", "direction")
	drops          = declare(counter, "culvert_drops_total", "Packets that were dropped, by reason.", "reason")
	marked         = declare(counter, "culvert_queue_marked_packets_total", "Packets that waited too long in the adapter's queue and were marked for congestion (ECN) instead of dropped.")
	waiting        = declare(gauge, "culvert_queue_waiting_packets", "Packets and super-packets read from the adapter's device that wait for the tunnel.")
	room           = declare(gauge, "culvert_queue_room_packets", "How many of them may wait.")
	overflow       = declare(counter, "culvert_queue_overflow_packets_total", "Packets that waited too long in the adapter's queue or found it full.")
	handshakes     = declare(counter, "culvert_handshakes_total", "First handshakes that ended, by the stage at which they did and by outcome.", "stage", "outcome")
	certificateEnd = declare(gauge, "culvert_certificate_end_timestamp_seconds", "When a certificate or a revocation list of this process ends, in Unix time.", "what")
	readers        = declare(gauge, "culvert_event_readers", "Readers of events by the API, of which open pages of the dashboard are some.")
	missed         = declare(counter, "culvert_events_missed_total", "Events that were gone when a reader came to them, each counted for each such reader: one of the API (api), or a part of the process, such as its history (process).", "reader")
)

// Of a server alone.
var (
	recordsLost    = declare(counter, "culvert_records_lost_total", "What of sessions was never written to the history or told to accounting, by which of them.", "of")
	recordsFailing = declare(gauge, "culvert_records_failing", "1 while nothing can be written to the history or told to accounting, by which of them.", "of")
	poolSize       = declare(gauge, "culvert_pool_addresses", "Addresses that there are for clients, by family.", "family")
	poolLeased     = declare(gauge, "culvert_pool_leased_addresses", "Addresses that clients have, by family.", "family")
	ending         = declare(gauge, "culvert_client_certificates_ending", "Clients whose certificates end within so many days and that were not given others.", "days")
)

// With metrics-per.
var (
	peerBytes    = declare(counter, "culvert_peer_bytes_total", "Bytes of one user's or one device's sessions that are up, from them (in) and to them (out).", "name", "direction")
	peerSessions = declare(gauge, "culvert_peer_sessions", "Sessions of one user or one device that are up.", "name")
	peerSince    = declare(gauge, "culvert_peer_connected_timestamp_seconds", "When the oldest session of one user or one device that is up began, in Unix time.", "name")
)
