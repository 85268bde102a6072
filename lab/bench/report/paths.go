//go:build linux

package report

import (
	"fmt"
	"time"

	"culvert/lab/bench/peer"
)

// Path is a path that the bench measures on, and what it measures there: one TCP
// stream to the server, or with Datagrams how much of 10 Mbit/s of them is lost.
type Path struct {
	Name      string // of the metric
	RoundTrip time.Duration
	Jitter    time.Duration // each way
	Loss      float64       // 0 to 1
	MTU       int           // of a link in the middle; 0: 1,500
	Silent    bool          // the router before it tells nobody of it
	Datagrams bool
	title     string
}

// Paths are all of them, in the order of the table.
var Paths = pathsOf([]Path{
	{Name: "path-20", RoundTrip: 20 * time.Millisecond, title: "20 ms"},
	{Name: "path-20-0.1", RoundTrip: 20 * time.Millisecond, Loss: 0.001, title: "20 ms, 0.1 % lost"},
	{Name: "path-20-1", RoundTrip: 20 * time.Millisecond, Loss: 0.01, title: "20 ms, 1 % lost"},
	{Name: "path-100", RoundTrip: 100 * time.Millisecond, title: "100 ms"},
	{Name: "path-100-0.1", RoundTrip: 100 * time.Millisecond, Loss: 0.001, title: "100 ms, 0.1 % lost"},
	{Name: "path-100-1", RoundTrip: 100 * time.Millisecond, Loss: 0.01, title: "100 ms, 1 % lost"},
	{Name: "path-reorder", RoundTrip: 200 * time.Millisecond, Jitter: 60 * time.Millisecond, Datagrams: true, title: "200 ms, each way varying by 60 ms"},
	{Name: "path-narrow", RoundTrip: 20 * time.Millisecond, MTU: 1300, title: "20 ms, a link of 1,300 bytes in the middle"},
	{Name: "path-silent", RoundTrip: 20 * time.Millisecond, MTU: 1300, Silent: true, title: "20 ms, a link of 1,300 bytes whose router is silent"},
})

// pathsOf makes each a metric.
func pathsOf(paths []Path) []Path {
	for _, p := range paths {
		m := metric{p.Name, "One TCP stream, " + p.title, "Mbit/s", 0, false}
		if p.Datagrams {
			m = metric{p.Name, fmt.Sprintf("Lost of 10 Mbit/s of 1,200-byte UDP packets, %s", p.title), "%", 1, true}
		}
		metrics = append(metrics, m)
	}
	return paths
}

// PathSection is README's part on paths.
var PathSection = Section{
	begin: "<!-- written by make bench BENCH=--paths -->", end: "<!-- end of what make bench BENCH=--paths writes -->",
	intro:   "On paths that are not a cable, between namespaces of one machine, behind a relay that sees single packets:",
	columns: []string{peer.Culvert, peer.OpenVPN, peer.WireGuard, peer.Bare}, shown: pathNames(),
}

func pathNames() (names []string) {
	for _, p := range Paths {
		names = append(names, p.Name)
	}
	return names
}
