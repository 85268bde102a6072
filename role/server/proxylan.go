package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/nic/frame"
	"culvert/nic/lan"
)

// proxyLAN has a server's clients on an Ethernet segment of its host (`proxy-lan`).
// This host answers there for their addresses, routes what comes for them into
// the tunnel, and what comes from them onto the segment.
type proxyLAN struct {
	place   lan.Interface
	dhcp    bool // the segment's DHCP server gives the addresses
	log     *slog.Logger
	segment onSegment // nil until the server runs
	// changed asks for the host's routes to follow.
	changed chan struct{}

	mu       sync.Mutex
	held     map[netip.Addr]*held
	stations map[string]*station // by client's name
}

// onSegment is what of lan.Segment is of use here.
type onSegment interface {
	Claim(ctx context.Context, a netip.Addr, lost func()) (release func(), err error)
	Lease(ctx context.Context, mac frame.MAC, host string) (*lan.Lease, error)
	StationMAC(name string) frame.MAC
	Close() error
}

// station is a client as the segment's DHCP server knows it. It outlives the
// client's session while another of the same name takes its place.
type station struct {
	name  string
	users map[*client]bool
	lease *lan.Lease    // nil before there is one
	err   error         // why there is none
	asked chan struct{} // closed when lease or err is there
}

// leaseTimeout is how long a client waits for the segment's DHCP server.
const leaseTimeout = 20 * time.Second

func newProxyLAN(c *config.ProxyLAN, log *slog.Logger) (*proxyLAN, error) {
	if c == nil {
		return nil, nil
	}
	place, err := lan.Find(c.Interface)
	if err != nil {
		return nil, fmt.Errorf("proxy-lan: %w", err)
	}
	if !place.IPv4.IsValid() {
		return nil, fmt.Errorf("proxy-lan: %s has no IPv4 address, so that its segment's network is not known: give it one first", c.Interface)
	}
	return &proxyLAN{place: place, dhcp: c.DHCP, log: log, changed: make(chan struct{}, 1),
		held: make(map[netip.Addr]*held), stations: make(map[string]*station)}, nil
}

// layout is the segment's network, in which the server's addresses are those of
// the interface.
func (l *proxyLAN) layout(pool *config.Pool) (*layout, error) {
	lay := &layout{topology: config.TopologySubnet, onLAN: true, network: l.place.IPv4.Masked(), server: l.place.IPv4.Addr()}
	if l.place.IPv6.IsValid() && l.place.IPv6.Bits() == interfaceBits {
		lay.network6, lay.server6 = l.place.IPv6.Masked(), l.place.IPv6.Addr()
	}
	if pool == nil {
		return lay, nil
	}
	if !lay.network.Contains(pool.Start) || !lay.network.Contains(pool.End) {
		return nil, fmt.Errorf("ifconfig-pool: %v to %v is not within %v, the network of %s", pool.Start, pool.End, lay.network, l.place.Name)
	}
	lay.pool = addrRange{start: pool.Start, count: addrMinus(pool.End, pool.Start) + 1, stride: 1}
	if _, ours := lay.pool.index(lay.server); ours {
		return nil, fmt.Errorf("ifconfig-pool: %v is this host's own on %s: leave it out of the range", lay.server, l.place.Name)
	}
	for _, a := range []netip.Addr{pool.Start, pool.End} {
		if lan.IsReserved(lay.network, a) {
			return nil, fmt.Errorf("ifconfig-pool: %v is the first or the last of %v, which no host can have: leave it out of the range", a, lay.network)
		}
	}
	return lay, nil
}

// interfaceBits is the length of networks in which hosts make their own
// addresses (RFC 4862).
const interfaceBits = 64

// ipv6 is the address that a client's station would give itself (RFC 4291,
// appendix A); not valid where the segment has no IPv6.
func (l *proxyLAN) ipv6(name string, network netip.Prefix) netip.Addr {
	if !network.IsValid() {
		return netip.Addr{}
	}
	a, m := network.Addr().As16(), l.segment.StationMAC(name)
	copy(a[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
	return netip.AddrFrom16(a)
}

// name is the client's on the segment: a nameless one, or one of several of a
// name, is a station of its own.
func (s *Server) stationName(c *client) string {
	if s.unique(c) {
		return c.name
	}
	return fmt.Sprintf("%s #%d", c.name, c.number)
}

// joinLAN waits for what the segment's DHCP server has for a client, where there
// is a segment with one, and goes on with next on the client's control goroutine.
func (s *Server) joinLAN(c *client, now time.Time, next func(now time.Time, err error)) {
	if s.lan == nil || !s.lan.dhcp {
		next(now, nil)
		return
	}
	st := s.lan.enter(c, s.stationName(c))
	s.logins.running.Go(func() {
		select {
		case <-st.asked:
		case <-s.logins.ctx.Done():
			return
		}
		c.Do(func(now time.Time) { next(now, st.err) })
	})
}

// enter makes a client a user of the station of a name, which asks for an
// address if it has none.
func (l *proxyLAN) enter(c *client, name string) *station {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.stations[name]
	if st == nil {
		st = &station{name: name, users: make(map[*client]bool), asked: make(chan struct{})}
		l.stations[name] = st
		go l.ask(st)
	}
	st.users[c] = true
	c.station = st
	return st
}

// ask gets a station its lease, and ends its clients' sessions if that is lost.
func (l *proxyLAN) ask(st *station) {
	ctx, stop := context.WithTimeout(context.Background(), leaseTimeout)
	defer stop()
	lease, err := l.segment.Lease(ctx, l.segment.StationMAC(st.name), st.name)
	l.mu.Lock()
	st.lease, st.err = lease, err
	abandoned := len(st.users) == 0
	if err != nil && l.stations[st.name] == st {
		delete(l.stations, st.name) // the next client asks again
	}
	l.mu.Unlock()
	close(st.asked)
	switch {
	case err != nil:
		l.log.Warn("no address for a client", "client", st.name, "error", err)
	case abandoned:
		lease.Release()
	default:
		l.log.Info("the segment's DHCP server leased an address to a client", "client", st.name, "address", lease.Address)
		if lease.Wait() {
			l.lost(st)
		}
	}
}

// lost has a station's clients connect anew.
func (l *proxyLAN) lost(st *station) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stations[st.name] == st {
		delete(l.stations, st.name)
	}
	connectAnew(st.users)
}

// connectAnew has clients come back for another address.
func connectAnew(clients map[*client]bool) {
	for c := range clients {
		c.Do(func(now time.Time) { c.Session.Dismiss(now, "RESTART") })
	}
}

// leave ends what there was for a client that held its lease, or got none.
func (l *proxyLAN) leave(c *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.lease != nil {
		l.drop(c, c.lease.addrs())
		l.follow()
	}
	st := c.station
	if st == nil {
		return
	}
	delete(st.users, c)
	if len(st.users) == 0 && l.stations[st.name] == st {
		delete(l.stations, st.name)
		if st.lease != nil {
			st.lease.Release()
		}
	}
}

// follow asks for the host's routes to follow. The caller holds mu.
func (l *proxyLAN) follow() {
	select {
	case l.changed <- struct{}{}:
	default: // they will
	}
}

// routes lead to the clients.
func (l *proxyLAN) routes() (routes []hostnet.Route) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for a := range l.held {
		routes = append(routes, hostnet.Route{Dst: netip.PrefixFrom(a, a.BitLen())})
	}
	slices.SortFunc(routes, func(a, b hostnet.Route) int { return a.Dst.Addr().Compare(b.Dst.Addr()) })
	return routes
}

// keepLAN has the host's routes follow the clients, until the returned function
// is called.
func (s *Server) keepLAN(ctx context.Context) (stop func()) {
	if s.lan == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-s.lan.changed:
				if err := s.adapter.Update(ctx, bringup.State{State: s.state(ctx)}); err != nil && ctx.Err() == nil {
					s.log.Error("the routes to the clients could not be brought up to date", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// open starts answering on the segment.
func (l *proxyLAN) open() (err error) {
	if l == nil {
		return nil
	}
	if l.segment, err = lan.Open(l.place, l.log); err != nil {
		return fmt.Errorf("proxy-lan: %w", err)
	}
	return nil
}

// close gives back every lease and stops answering.
func (l *proxyLAN) close() {
	if l == nil || l.segment == nil {
		return
	}
	l.mu.Lock()
	for _, st := range l.stations {
		if st.lease != nil {
			st.lease.Release()
		}
	}
	clear(l.stations)
	l.mu.Unlock()
	l.segment.Close()
}

// push is what the segment's DHCP server says of names, unless the
// configuration does.
func (l *proxyLAN) push(c *client, configured []string) (options []string) {
	if l == nil || c.station == nil || slices.ContainsFunc(configured, saysNames) {
		return nil
	}
	lease := c.station.lease
	for _, a := range lease.DNS {
		options = append(options, "dhcp-option DNS "+a.String())
	}
	if lease.Domain != "" && !strings.ContainsAny(lease.Domain, " ,\"\\\t\r\n") {
		options = append(options, "dhcp-option DOMAIN "+lease.Domain)
	}
	return options
}

// saysNames tells whether an option is about DNS.
func saysNames(option string) bool {
	return strings.HasPrefix(option, "dhcp-option DNS") || strings.HasPrefix(option, "dhcp-option DOMAIN") || strings.HasPrefix(option, "dns ")
}
