package config

import (
	"net/netip"
	"strconv"
	"strings"
)

// Metrics is what a process tells of itself to those who watch many.
type Metrics struct {
	Listen netip.AddrPort // where metrics are served; [::] is every address; port 0: nowhere
	// Per is for whom there are series beside those of all together.
	Per MetricsPer
	// OpenVPNNames: the names of openvpn_exporter, too.
	OpenVPNNames bool
	// TraceTo is the URL of the collector that is told of handshakes; "": none is.
	TraceTo string
}

// MetricsPer is for whom there are series of their own.
type MetricsPer string

// For whom.
const (
	PerNobody MetricsPer = ""
	PerUser   MetricsPer = "user"
	PerDevice MetricsPer = "device"
)

// Yes reports whether metrics are served.
func (m Metrics) Yes() bool { return m.Listen.Port() != 0 }

// Address is Listen for package net, also on a host without IPv6.
func (m Metrics) Address() string { return Web{Listen: m.Listen}.Address() }

// setMetricsListen is `metrics-listen`: ADDRESS:PORT.
func setMetricsListen(b *builder, d *call) error {
	at, ok := listenAt(d.args[0])
	if !ok {
		return d.expected(d.args[0], "an address and a port, such as 127.0.0.1:9176, [::1]:9176 or *:9176")
	}
	b.Metrics.Listen = at
	return nil
}

// setMetricsPer is `metrics-per`.
func setMetricsPer(b *builder, d *call) error {
	switch d.args[0] {
	case string(PerUser), string(PerDevice):
		b.Metrics.Per = MetricsPer(d.args[0])
	default:
		return d.expected(d.args[0], "user or device")
	}
	return nil
}

// setMetricsNames is `metrics-names`.
func setMetricsNames(b *builder, d *call) error {
	switch d.args[0] {
	case "culvert":
		b.Metrics.OpenVPNNames = false
	case "openvpn_exporter":
		b.Metrics.OpenVPNNames = true
	default:
		return d.expected(d.args[0], "culvert or openvpn_exporter")
	}
	return nil
}

// tracePath is where a collector takes traces, unless a URL says another place.
const tracePath = "/v1/traces"

// setTraceTo is `trace-to`: the URL of a collector, with a path or without.
func setTraceTo(b *builder, d *call) error {
	scheme, at, _ := strings.Cut(d.args[0], "://")
	host, path, _ := strings.Cut(at, "/")
	name, port, given := splitPort(host)
	if n := portNumber(port); scheme != "http" && scheme != "https" || name == "" || given && n == 0 ||
		strings.ContainsFunc(at, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("@?#%\\", r) }) {
		return d.expected(d.args[0], "the URL of a collector for OTLP over HTTP, such as http://127.0.0.1:4318, without a user, a password or a question")
	}
	if path == "" {
		b.Metrics.TraceTo = scheme + "://" + host + tracePath
	} else {
		b.Metrics.TraceTo = scheme + "://" + host + "/" + path
	}
	return nil
}

// portNumber is a port by its digits; 0: it is none.
func portNumber(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return n
}

// checkMetrics wants somebody who serves what is asked for.
func checkMetrics(c check) {
	for directive, given := range map[string]bool{"metrics-per": c.Metrics.Per != PerNobody, "metrics-names": c.Metrics.OpenVPNNames} {
		if given && !c.Metrics.Yes() {
			c.problem(directive, "no metrics are served", "add the line: metrics-listen 127.0.0.1:9176, or remove this one")
		}
	}
}
