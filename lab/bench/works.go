//go:build linux

package main

import (
	"context"

	"culvert/lab/bench/peer"
	"culvert/lab/bench/report"
)

// work is a measurement.
type work struct {
	name    string
	peers   []string // in whose turn it is taken
	atMost  int      // rounds; 0: no limit
	measure func(ctx context.Context, b *bench, name string, record func(metric string, value float64)) error
}

var (
	overUDP  = []string{peer.Culvert, peer.OpenVPN, peer.WireGuard}
	ceilings = []string{peer.Null, peer.Bare}
	overTCP  = []string{peer.CulvertTCP, peer.OpenVPNTCP}
	servers  = []string{peer.Culvert, peer.OpenVPN}
)

// mainWorks are the measurements on a cable, in the order in which they are taken.
var mainWorks = []work{
	{"tcp1", join(overUDP, ceilings), 0, bothWays(1, report.TCP1Up, report.TCP1Down)},
	{"tcp4", join(overUDP, ceilings), 0, bothWays(4, report.TCP4Up, report.TCP4Down)},
	{"udp64", overUDP, 0, datagrams(64, report.UDP64)},
	{"udp1200", overUDP, 0, datagrams(1200, report.UDP1200)},
	{"rtt", join(overUDP, ceilings[1:]), 0, roundTrip},
	{"outertcp", overTCP, 0, bothWays(1, report.OuterUp, report.OuterDown)},
	{"stock", servers, 0, stockClients},
	{"handshakes", servers, 0, handshakes},
	{"clients", servers, 2, growing(1, 10, 100, 1000)},
	{"clients10k", servers, 1, growing(10000)},
	{"watched", []string{peer.Culvert}, 0, watched},
	{"userspace", []string{peer.Culvert}, 0, userSpace},
}

func join(a, b []string) []string { return append(append([]string(nil), a...), b...) }

func names(works []work) (all []string) {
	for _, w := range works {
		all = append(all, w.name)
	}
	return all
}
