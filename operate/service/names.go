package service

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"culvert/access"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/operate/nameserver"
	"culvert/role/server"
)

// naming answers for the names of a server's clients; nil: it does not.
type naming struct {
	roles
	domain  string
	zone    *nameserver.Zone
	server  *nameserver.Server
	own     []netip.Addr
	answers atomic.Bool // at least one socket is open
}

// namesOf has a server with `names` answer for its clients' names, from when its adapter is
// up. Others who have a say about the terms of clients join before.
func namesOf(c *config.Config, r roles, o *server.Options) *naming {
	if c.Server.Names == "" {
		return nil
	}
	n := &naming{roles: r, domain: c.Server.Names}
	terms := o.People.Terms
	o.People.Terms = func(a *access.Applicant) (t server.Terms) {
		if terms != nil {
			t = terms(a)
		}
		if n.answers.Load() {
			t.Names = n.domain
		}
		return t
	}
	return n
}

// before returns what is done when a server is open, before rights are given up: enter.
// The sockets for names are opened before it.
func (n *naming) before(c *config.Config, enter func() error) func(*server.Server) error {
	return func(s *server.Server) error {
		if n != nil {
			n.open(c, s)
		}
		if enter == nil {
			return nil
		}
		return enter()
	}
}

// open opens the sockets. A server whose names nobody can ask for serves all the same.
func (n *naming) open(c *config.Config, s *server.Server) {
	v4, v6, _ := s.Addresses()
	n.own = nil
	for _, a := range []netip.Addr{v4, v6} {
		if a.IsValid() {
			n.own = append(n.own, a)
		}
	}
	n.zone = nameserver.NewZone(n.domain, networksOf(c), n.own...)
	n.server = nameserver.New(n.zone, n.upstreams(c), nil, n.log)
	for _, a := range n.own {
		packets, streams, err := listenNames(s.Adapter(), netip.AddrPortFrom(a, 53))
		if err != nil {
			n.blame(a, err)
			continue
		}
		n.server.Listen(packets, streams)
		n.answers.Store(true)
	}
	if n.answers.Load() {
		n.log.Info("answering for the names of clients", "domain", n.domain, "passing-on-to", n.upstreams(c))
	}
}

// blame says why names are not answered at an address, and what to do.
func (n *naming) blame(a netip.Addr, err error) {
	mend := "clients are not told to ask here"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		mend = "another program answers on port 53 of all addresses: have it listen on its own ones only (dnsmasq: bind-dynamic and except-interface; systemd-resolved does not do this; named: listen-on), or leave `names` out"
	case errors.Is(err, syscall.EACCES):
		mend = "this process may not open port 53: start it as root, or with the capability CAP_NET_BIND_SERVICE"
	}
	n.log.Warn("names of clients cannot be answered: "+mend, "address", a, "error", err)
}

// upstreams are the name servers that clients would ask without this server, or else this
// host's own.
func (n *naming) upstreams(c *config.Config) []netip.AddrPort {
	told, _, err := config.ParsePushed(new(config.Config), c.Server.Push)
	if err == nil {
		all := append([]netip.Addr(nil), told.Routing.DNS.Addrs...)
		for _, s := range told.Routing.DNS.Servers {
			for _, at := range s.Addrs {
				all = append(all, at.Addr())
			}
		}
		if list := nameserver.Upstreams(all, n.own); len(list) > 0 {
			return list
		}
	}
	return hostnet.NameServers("/etc/resolv.conf")
}

// listenNames opens both sockets of an address, in the adapter's own network stack where it
// has one.
func listenNames(a *bringup.Adapter, at netip.AddrPort) (net.PacketConn, net.Listener, error) {
	var packets func(network, address string) (net.PacketConn, error) = net.ListenPacket
	var streams func(network, address string) (net.Listener, error) = net.Listen
	if a.Stack != nil {
		packets, streams = a.Stack.ListenPacket, a.Stack.Listen
	}
	p, err := packets("udp", at.String())
	if err != nil {
		return nil, nil, err
	}
	s, err := streams("tcp", at.String())
	if err != nil {
		p.Close()
		return nil, nil, err
	}
	return p, s, nil
}

// networksOf are the networks of a server's clients.
func networksOf(c *config.Config) (all []netip.Prefix) {
	for _, p := range []netip.Prefix{c.Server.Network, c.Server.NetworkIPv6} {
		if p.IsValid() {
			all = append(all, p)
		}
	}
	return all
}

// happened takes an event of the server.
func (n *naming) happened(e server.Event) {
	if n == nil || n.zone == nil {
		return
	}
	switch e := e.(type) {
	case server.Up:
		n.zone.Enter(e.Number+1, access.Name(e.Name), e.User, e.IPv4, e.IPv6)
	case server.Ended:
		n.zone.Leave(e.Number + 1)
	}
}

// close ends it.
func (n *naming) close() {
	if n != nil && n.server != nil {
		n.server.Close()
	}
}
