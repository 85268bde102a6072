package lease

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/nic/frame"
	"culvert/nic/lan"
)

// proxy puts a server's clients on the LAN of one of its host's interfaces
// (`proxy-lan`). This host answers there for their addresses, routes what comes for
// them into the tunnel, and what comes from them onto the LAN.
type proxy struct {
	place lan.Interface
	log   *slog.Logger
	wire  answers // nil until the server runs
	// changed receives a value when the host's routes have to follow.
	changed chan struct{}

	mu   sync.Mutex
	held map[netip.Addr]*held
}

// answers is the part of nic/lan's Segment that is used here.
type answers interface {
	Claim(ctx context.Context, a netip.Addr, lost func()) (release func(), err error)
	Lease(ctx context.Context, mac frame.MAC, host string) (*lan.Lease, error)
	ClientMAC(name string) frame.MAC
	Close() error
}

var _ answers = (*lan.Proxy)(nil)

func newProxy(name string, log *slog.Logger) (*proxy, error) {
	place, err := lan.Find(name)
	if err != nil {
		return nil, fmt.Errorf("proxy-lan: %w", err)
	}
	if !place.IPv4.IsValid() {
		return nil, fmt.Errorf("proxy-lan: %s has no IPv4 address, so its network is unknown; give it an address first", name)
	}
	return &proxy{place: place, log: log, changed: make(chan struct{}, 1), held: make(map[netip.Addr]*held)}, nil
}

// layout returns the LAN's network, in which the server's addresses are those of the
// interface.
func (p *proxy) layout(pool *config.Pool) (*Layout, error) {
	lay := &Layout{topology: config.TopologySubnet, onLAN: true, Network: p.place.IPv4.Masked(), server: p.place.IPv4.Addr()}
	if p.place.IPv6.IsValid() && p.place.IPv6.Bits() == interfaceBits {
		lay.Network6, lay.server6 = p.place.IPv6.Masked(), p.place.IPv6.Addr()
	}
	if pool == nil {
		return lay, nil
	}
	if !lay.Network.Contains(pool.Start) || !lay.Network.Contains(pool.End) {
		return nil, fmt.Errorf("ifconfig-pool: %v to %v is not within %v, the network of %s", pool.Start, pool.End, lay.Network, p.place.Name)
	}
	lay.pool = addrRange{start: pool.Start, count: addrMinus(pool.End, pool.Start) + 1, stride: 1}
	if _, ours := lay.pool.index(lay.server); ours {
		return nil, fmt.Errorf("ifconfig-pool: %v is this host's own address on %s; leave it out of the range", lay.server, p.place.Name)
	}
	for _, a := range []netip.Addr{pool.Start, pool.End} {
		if lan.IsReserved(lay.Network, a) {
			return nil, fmt.Errorf("ifconfig-pool: %v is the first or the last of %v, which no host can have; leave it out of the range", a, lay.Network)
		}
	}
	return lay, nil
}

// interfaceBits is the length of networks in which hosts make their own
// addresses (RFC 4862).
const interfaceBits = 64

// ipv6 returns the address that a host with a name would give itself on the LAN
// (RFC 4291, appendix A); not valid if the LAN has no IPv6.
func (p *proxy) ipv6(name string, network netip.Prefix) netip.Addr {
	if !network.IsValid() {
		return netip.Addr{}
	}
	a, m := network.Addr().As16(), p.wire.ClientMAC(name)
	copy(a[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
	return netip.AddrFrom16(a)
}

// dhcp asks the LAN's DHCP server for an address for a name.
func (p *proxy) dhcp(ctx context.Context, name string) (*granted, error) {
	lease, err := p.wire.Lease(ctx, p.wire.ClientMAC(name), name)
	if err != nil {
		return nil, err
	}
	return &granted{Offered: lease.Offered, release: lease.Release, wait: lease.Wait}, nil
}

// open starts answering on the LAN.
func (p *proxy) open() error {
	wire, err := lan.Open(p.place, p.log)
	if err != nil {
		return fmt.Errorf("proxy-lan: %w", err)
	}
	p.wire = wire
	return nil
}

// close stops answering.
func (p *proxy) close() {
	if p.wire != nil {
		p.wire.Close()
	}
}

// leave ends what a holder has of addresses.
func (p *proxy) leave(h *Holder) {
	if h.Lease == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(h, h.Lease.Addrs())
	p.follow()
}

// follow signals that the host's routes have to follow. The caller holds mu.
func (p *proxy) follow() {
	select {
	case p.changed <- struct{}{}:
	default: // that is signalled already
	}
}

// routes returns the routes to the clients.
func (p *proxy) routes() (routes []hostnet.Route) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for a := range p.held {
		routes = append(routes, hostnet.Route{Dst: netip.PrefixFrom(a, a.BitLen())})
	}
	slices.SortFunc(routes, func(a, b hostnet.Route) int { return a.Dst.Addr().Compare(b.Dst.Addr()) })
	return routes
}
