package metrics

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"culvert/operate/backend"
	"culvert/role/server"
)

// exporter tells of a process by the names, labels and types of openvpn_exporter, the one
// for OpenVPN's status files, so that dashboards and rules for it go on.
type exporter struct {
	of   *state
	path string // of the status file, which is the label of each; "": "culvert"
	now  func() time.Time
}

// old is a metric of openvpn_exporter.
type old struct {
	kind prometheus.ValueType
	desc *prometheus.Desc
}

func declareOld(kind prometheus.ValueType, name, help string, labels ...string) old {
	return old{kind, prometheus.NewDesc(name, help, append([]string{"status_path"}, labels...), nil)}
}

var (
	oldUp      = declareOld(gauge, "openvpn_up", "1: the process answers.")
	oldUpdated = declareOld(gauge, "openvpn_status_update_time_seconds", "When these numbers were taken, in Unix time.")
	// Versions of openvpn_exporter differ in the name: its last has the prefix twice.
	oldClients      = declareOld(gauge, "openvpn_server_connected_clients", "Clients that are in.")
	oldClientsTwice = declareOld(gauge, "openvpn_openvpn_server_connected_clients", "Clients that are in.")

	oldClientLabels = []string{"common_name", "connection_time", "real_address", "virtual_address", "username"}
	oldReceived     = declareOld(counter, "openvpn_server_client_received_bytes_total", "Bytes received from a client in its session.", oldClientLabels...)
	oldSent         = declareOld(counter, "openvpn_server_client_sent_bytes_total", "Bytes sent to a client in its session.", oldClientLabels...)
	oldRoute        = declareOld(gauge, "openvpn_server_route_last_reference_time_seconds", "When a client was last heard, in Unix time.", "common_name", "real_address", "virtual_address")

	oldLinkRead    = declareOld(counter, "openvpn_client_tcp_udp_read_bytes_total", "Bytes read from the socket.")
	oldLinkWritten = declareOld(counter, "openvpn_client_tcp_udp_write_bytes_total", "Bytes written to the socket.")
)

// Describe implements prometheus.Collector.
func (e *exporter) Describe(to chan<- *prometheus.Desc) {
	for _, o := range []old{oldUp, oldUpdated, oldClients, oldClientsTwice, oldReceived, oldSent, oldRoute, oldLinkRead, oldLinkWritten} {
		to <- o.desc
	}
}

// Collect implements prometheus.Collector.
func (e *exporter) Collect(ch chan<- prometheus.Metric) {
	path := cmp.Or(e.path, "culvert")
	tell := func(o old, value float64, labels ...string) {
		labels = append([]string{path}, labels...)
		for i, l := range labels {
			labels[i] = strings.ToValidUTF8(l, "\uFFFD")
		}
		if m, err := prometheus.NewConstMetric(o.desc, o.kind, value, labels...); err == nil {
			ch <- m
		}
	}
	at := e.of.backend.Load()
	if at == nil {
		tell(oldUp, 0)
		return
	}
	now := (*at).Status()
	tell(oldUp, 1)
	tell(oldUpdated, unix(e.now()))
	if _, many := (*at).(crowd); !many {
		e.one((*at).Traffic(now.Peers), tell)
		return
	}
	connected := 0
	for i := range now.Peers {
		if p := &now.Peers[i]; !p.Connecting {
			connected++
			e.client(p, tell)
		}
	}
	tell(oldClients, float64(connected))
	tell(oldClientsTwice, float64(connected))
}

// one tells of a role with one peer.
func (e *exporter) one(t server.Traffic, tell func(old, float64, ...string)) {
	tell(oldLinkRead, float64(t.BytesIn))
	tell(oldLinkWritten, float64(t.BytesOut))
}

// client tells of a server's client. Of two of one name, its labels differ by the address.
func (e *exporter) client(p *backend.Peer, tell func(old, float64, ...string)) {
	virtual := ""
	if p.IPv4.IsValid() {
		virtual = p.IPv4.String()
	} else if p.IPv6.IsValid() {
		virtual = p.IPv6.String()
	}
	user := cmp.Or(p.User, "UNDEF")
	labels := []string{p.Name, strconv.FormatInt(p.Since.Unix(), 10), p.Remote, virtual, user}
	tell(oldReceived, float64(p.BytesIn), labels...)
	tell(oldSent, float64(p.BytesOut), labels...)
	for _, a := range []netip.Addr{p.IPv4, p.IPv6} {
		if a.IsValid() {
			tell(oldRoute, unix(p.LastHeard), p.Name, p.Remote, a.String())
		}
	}
}
