package lease

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"culvert/config"
)

// said takes the IPv4 addresses that are given one by one instead of `server`: the
// server's by `ifconfig`, the clients' by `ifconfig-pool`, as in the manual's
// expansion of `server`. Routes are given one by one, too.
func (l *Layout) said(c *config.Config) error {
	l.routed = true
	if i := c.Adapter.Ifconfig; i != nil {
		l.server, l.Beside = i.Local, i.Remote
		if l.topology == config.TopologySubnet {
			l.Network = netip.PrefixFrom(i.Local, i.Bits).Masked()
		}
	}
	pool := c.Server.Pool
	if pool == nil {
		return nil
	}
	l.pool = addrRange{start: pool.Start, count: addrMinus(pool.End, pool.Start) + 1, stride: 1}
	switch l.topology {
	case config.TopologyNet30:
		l.pool = quarters(pool)
		l.Network = covering(pool)
	case config.TopologyP2P:
		if !l.server.IsValid() {
			return fmt.Errorf("ifconfig-pool: the address that clients face is missing; add the line: ifconfig ADDRESS PEER, or write topology subnet")
		}
		l.Network = covering(pool)
	default:
		if pool.Bits != 0 {
			l.Network = netip.PrefixFrom(pool.Start, pool.Bits).Masked()
		}
		if !l.Network.IsValid() {
			return fmt.Errorf("ifconfig-pool: the netmask is missing; add it as the third value, or add the line: ifconfig ADDRESS NETMASK")
		}
	}
	l.pool.count = min(l.pool.count, maxLeases)
	if l.pool.count < 1 {
		return fmt.Errorf("ifconfig-pool %v %v: no client's four addresses fit in it; write a larger range, or topology subnet", pool.Start, pool.End)
	}
	return nil
}

// quarters returns the pool of net30: each lease is the third address of four.
func quarters(pool *config.Pool) addrRange {
	const four = 4
	last := pool.Start.As4()[3] % four
	first := addrPlus(pool.Start, (four-int(last))%four)
	return addrRange{start: addrPlus(first, 2), count: (addrMinus(pool.End, first) + 1) / four, stride: four}
}

// covering returns the smallest network that contains a pool.
func covering(pool *config.Pool) netip.Prefix {
	for bits := 32; ; bits-- {
		if p := netip.PrefixFrom(pool.Start, bits).Masked(); p.Contains(pool.End) {
			return p
		}
	}
}

// pushSaid returns what clients are told about a network that is given one by one,
// unless `push` does: what their addresses mean.
func (l *Layout) pushSaid() []string {
	switch {
	case l.pool.count == 0:
		return nil
	case l.topology == config.TopologyP2P:
		return []string{"topology p2p"}
	case l.topology == config.TopologyNet30:
		return []string{"topology net30"}
	case l.server.IsValid():
		return []string{fmt.Sprintf("route-gateway %v", l.server), "topology subnet"}
	}
	return []string{"topology subnet"}
}

// pushBeside returns push without what the configuration pushes itself.
func (l *Layout) pushBeside(clientToClient bool, configured []string) []string {
	options := l.push(clientToClient)
	if l.routed {
		options = withoutSaid(options, configured)
	}
	return options
}

// withoutSaid returns options without those whose names occur in own.
func withoutSaid(options, own []string) []string {
	return slices.DeleteFunc(options, func(option string) bool {
		name, _, _ := strings.Cut(option, " ")
		return slices.ContainsFunc(own, func(o string) bool { return strings.HasPrefix(o, name+" ") })
	})
}
