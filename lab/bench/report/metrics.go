//go:build linux

// Package report turns what the bench measured into medians, spreads and
// ratios: a table, pictures, JSON, and the verdict on the goals.
package report

import (
	"fmt"
	"strings"
)

// Names of what is measured.
const (
	TCP1Up       = "tcp1-up"
	TCP1Down     = "tcp1-down"
	TCP4Up       = "tcp4-up"
	TCP4Down     = "tcp4-down"
	UDP64        = "udp64"
	UDP1200      = "udp1200"
	RTTIdle      = "rtt-idle"
	RTTLoaded    = "rtt-loaded"
	RTTLoadedP99 = "rtt-loaded-p99"
	OuterUp      = "outertcp-up"
	OuterDown    = "outertcp-down"

	// With a number of clients behind.
	StockCPU   = "stock-cpu"
	StockRate  = "stock-rate"
	SwarmRate  = "clients-rate"
	SwarmCPU   = "clients-cpu"
	UpTime     = "clients-up"
	IdleMemory = "idle-memory"
	IdleCPU    = "idle-cpu"

	Handshakes   = "handshakes"
	HandshakeCPU = "handshake-cpu"

	// A server that nobody looks at, and one with readers of events and scrapes.
	UnwatchedRate   = "unwatched-rate"
	WatchedRate     = "watched-rate"
	WatchedShare    = "watched-share"
	WatchedCPU      = "watched-cpu"
	UnwatchedMemory = "unwatched-memory"
	WatchedMemory   = "watched-memory"

	UserSpaceUp   = "userspace-up"
	UserSpaceDown = "userspace-down"
)

// StockClients are how many of them there are, one measurement after another,
// and SwarmClients how many of a swarm.
var (
	StockClients = []int{1, 8, 32}
	SwarmClients = []int{1, 10, 100, 1000, 10000}
)

// metric is how a number is shown.
type metric struct {
	name, title, unit string
	digits            int
	less              bool // less is better
}

// metrics are in the order of the table.
var metrics = []metric{
	{TCP1Up, "One TCP stream, client to server", "Gbit/s", 2, false},
	{TCP1Down, "One TCP stream, server to client", "Gbit/s", 2, false},
	{TCP4Up, "Four TCP streams, client to server", "Gbit/s", 2, false},
	{TCP4Down, "Four TCP streams, server to client", "Gbit/s", 2, false},
	{OuterUp, "One TCP stream over outer TCP, client to server", "Gbit/s", 2, false},
	{OuterDown, "One TCP stream over outer TCP, server to client", "Gbit/s", 2, false},
	{UDP64, "64-byte UDP packets without loss", "thousand/s", 0, false},
	{UDP64 + "-saturated", "64-byte UDP packets that arrive when as many as can be are sent", "thousand/s", 0, false},
	{UDP1200, "1,200-byte UDP packets without loss", "thousand/s", 0, false},
	{UDP1200 + "-saturated", "1,200-byte UDP packets that arrive when as many as can be are sent", "thousand/s", 0, false},
	{RTTIdle, "Round trip, idle", "µs", 0, true},
	{RTTLoaded, "Round trip beside a TCP stream", "µs", 0, true},
	{RTTLoadedP99, "Round trip beside a TCP stream, 99th percentile", "µs", 0, true},
}

func init() {
	for _, n := range StockClients {
		add(n, StockCPU, "Server CPU with %s stock clients", "s/GB", 2, true)
	}
	for _, n := range StockClients {
		add(n, StockRate, "TCP with %s stock clients, one stream each", "Gbit/s", 2, false)
	}
	metrics = append(metrics, metric{Handshakes, "Handshakes, 32 clients that come and leave", "1/s", 0, false},
		metric{HandshakeCPU, "Server CPU per handshake", "ms", 2, true})
	for _, n := range SwarmClients {
		add(n, SwarmRate, "Echoes of 1,200 bytes, %s clients in turn, each way", "Gbit/s", 2, false)
	}
	for _, n := range SwarmClients {
		add(n, SwarmCPU, "Server CPU per GB echoed for %s clients", "s/GB", 2, true)
	}
	for _, n := range SwarmClients[3:] {
		add(n, UpTime, "Time for %s clients to come up", "s", 1, true)
		add(n, IdleMemory, "Resident memory per idle client of %s", "KiB", 1, true)
		add(n, IdleCPU, "Server CPU per idle client of %s", "µs/s", 1, true)
	}
	metrics = append(metrics, metric{UnwatchedRate, "Echoes, 1,000 clients, nobody looks", "Gbit/s", 2, false},
		metric{WatchedRate, "Echoes, 1,000 clients, 50 readers of events and a scrape each second", "Gbit/s", 2, false},
		metric{WatchedShare, "What is carried when it is looked at, of what it is when not", "%", 1, false},
		metric{WatchedCPU, "CPU that the server takes for the same when it is looked at, of what it takes when not", "%", 1, true},
		metric{UnwatchedMemory, "Resident memory, 1,000 clients, nobody looks", "MiB", 0, true},
		metric{WatchedMemory, "Resident memory, 1,000 clients, 50 readers of events and a scrape each second", "MiB", 0, true})
	metrics = append(metrics, metric{UserSpaceUp, "User space, one TCP stream, client to server", "Gbit/s", 2, false},
		metric{UserSpaceDown, "User space, one TCP stream, server to client", "Gbit/s", 2, false})
}

// add adds a metric that is measured with n clients.
func add(n int, name, title, unit string, digits int, less bool) {
	title = fmt.Sprintf(title, thousands(n))
	if n == 1 {
		title = strings.Replace(title, "clients", "client", 1)
	}
	metrics = append(metrics, metric{fmt.Sprintf("%s-%d", name, n), title, unit, digits, less})
}

func lookup(name string) metric {
	for _, m := range metrics {
		if m.name == name {
			return m
		}
	}
	return metric{name: name, title: name, digits: 2}
}

func (m metric) format(v float64) string { return fmt.Sprintf("%.*f", m.digits, v) }

// Format is a value of a metric with its unit.
func Format(name string, v float64) string {
	m := lookup(name)
	return m.format(v) + " " + m.unit
}
