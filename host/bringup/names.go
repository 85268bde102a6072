package bringup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/host/hostnet"
	"culvert/host/splitdns"
	"culvert/link"
)

// Learner takes the addresses that a chosen name leads to, for as long as an answer counts.
// A State that a host was brought to is one where names can be chosen.
type Learner interface {
	Learn(ctx context.Context, addrs []netip.Addr, lifetime time.Duration) error
}

// dividing returns Apply, or Here, with a resolver of this process beside the State, if that
// wants names divided and this host's resolver cannot do it.
func (o Options) dividing() func(context.Context, hostnet.State) (Applied, error) {
	apply := o.Apply
	if apply == nil {
		apply = o.Here
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return func(ctx context.Context, want hostnet.State) (Applied, error) {
		d := &divided{log: log}
		want, err := d.prepare(ctx, want)
		if err != nil {
			d.close()
			return nil, err
		}
		applied, err := apply(ctx, want)
		if applied == nil {
			d.close()
			return nil, err
		}
		d.Applied = applied
		d.serve(want)
		return d, err
	}
}

// divided is a State with a resolver beside it.
type divided struct {
	Applied
	log   *slog.Logger
	tally tally

	mu     sync.Mutex
	server *splitdns.Server // nil: names are not divided here
	no53   error            // why it has not the port of DNS
}

// prepare names the resolver in a State that needs one. Without it names are divided worse, but
// chosen ones not at all, so there is an error.
func (d *divided) prepare(ctx context.Context, want hostnet.State) (hostnet.State, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.needed(ctx, want.DNS) {
		return want, nil
	}
	dns := *want.DNS
	want.DNS = &dns
	if d.server == nil {
		sockets, no53, err := splitdns.Listen()
		if err != nil {
			dns.NoLocal = err.Error()
			return want, unlearned(dns, err)
		}
		d.server, d.no53 = splitdns.New(sockets, d.log), no53
	}
	dns.Local = d.server.Addr()
	if d.no53 != nil {
		dns.NoLocal = d.no53.Error()
		if !hostnet.DividesNames(ctx) { // so it takes other ports
			return want, unlearned(dns, d.no53)
		}
	}
	return want, nil
}

// needed reports whether names of a State are divided here.
func (d *divided) needed(ctx context.Context, dns *hostnet.DNS) bool {
	switch {
	case dns == nil:
		return false
	case len(dns.Learned) > 0:
		return true
	case len(dns.Domains) == 0 || len(dns.Servers) == 0:
		return false
	}
	return d.server != nil || !hostnet.DividesNames(ctx)
}

// unlearned is why addresses of chosen names cannot be learned, nil if there are no such names.
func unlearned(dns hostnet.DNS, why error) error {
	if len(dns.Learned) == 0 {
		return nil
	}
	return fmt.Errorf("%s cannot be chosen, since this process cannot answer questions for names: %w; choose networks instead", strings.Join(dns.Learned, ", "), why)
}

// serve has the resolver go by a State.
func (d *divided) serve(want hostnet.State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server == nil {
		return
	}
	dns := want.DNS
	if dns == nil {
		dns = new(hostnet.DNS) // nobody is pointed at the resolver
	}
	s := splitdns.Settings{Rules: rulesOf(*dns), Tunnel: upstreamsOf(dns.Servers), Dial: dialer(want.Device, want.Chosen)}
	if l, ok := d.Applied.(Learner); ok && want.Chosen != nil {
		s.Learn, s.KeepBack = d.tally.of(l.Learn), want.Chosen.Learn
		if want.Chosen.LearnOutside {
			s.Learn = d.tally.of(notInside(l.Learn, want))
			s.Dial = outsideFirst(s.Dial, l.Learn)
		}
	}
	s.Own = (&ownServers{ask: d.Applied.Resolvers, but: dns.Servers, self: d.server.Addr()}).list
	d.server.Set(s)
}

// rulesOf says whom to ask for which names. Without Domains, all but those of Outside are the
// tunnel's.
func rulesOf(dns hostnet.DNS) splitdns.Rules {
	r := splitdns.Rules{Tunnel: dns.Domains, Host: dns.Outside, Learned: dns.Learned}
	if len(r.Tunnel) == 0 {
		r.Tunnel = []string{"."}
	}
	return r
}

func upstreamsOf(servers []netip.AddrPort) (list []splitdns.Upstream) {
	for _, s := range servers {
		if s.Port() == 0 {
			s = netip.AddrPortFrom(s.Addr(), 53)
		}
		list = append(list, splitdns.Upstream{Addr: s})
	}
	return list
}

// dialer connects to name servers: to the tunnel's by the adapter alone, and to others as any
// program of this host does that is not chosen, though this process's user may be.
func dialer(device string, chosen *hostnet.Chosen) splitdns.Dial {
	return func(ctx context.Context, network string, to netip.AddrPort, tunnel bool) (net.Conn, error) {
		var o link.Options
		if tunnel {
			o.Device = device
		}
		if hostnet.CanMark && !to.Addr().IsLoopback() && chosen.Leads(tunnel) {
			o.Mark, o.MarkIfAllowed = hostnet.NamesMark, true
		}
		return o.Dialer().DialContext(ctx, network, to.String())
	}
}

// outsideFirst is dial with the host's own servers learned as destinations outside, since other
// packets go into the tunnel.
func outsideFirst(dial splitdns.Dial, learn func(context.Context, []netip.Addr, time.Duration) error) splitdns.Dial {
	const lifetime = time.Hour
	return func(ctx context.Context, network string, to netip.AddrPort, tunnel bool) (net.Conn, error) {
		if !tunnel && !to.Addr().IsLoopback() {
			if err := learn(ctx, []netip.Addr{to.Addr()}, lifetime); err != nil {
				return nil, err
			}
		}
		return dial(ctx, network, to, tunnel)
	}
}

func (d *divided) Update(ctx context.Context, want hostnet.State) error {
	want, err := d.prepare(ctx, want)
	if err != nil {
		return err
	}
	err = d.Applied.Update(ctx, want)
	if err == nil || errors.As(err, new(*hostnet.PartialError)) {
		d.serve(want)
	}
	return err
}

func (d *divided) Undo(ctx context.Context) error {
	err := d.Applied.Undo(ctx)
	d.close()
	return err
}

func (d *divided) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil {
		d.server.Close()
	}
	d.server = nil
}

// ownServers are this host's own name servers by name, remembered for a moment: to list them
// may take questions to other programs.
type ownServers struct {
	ask  func(ctx context.Context, name string) (hostnet.Resolvers, error)
	but  []netip.AddrPort // the tunnel's, which count only if there are no others
	self netip.AddrPort

	mu    sync.Mutex
	known map[string]listed
}

type listed struct {
	at   time.Time
	list []splitdns.Upstream
}

const (
	ownFor  = 5 * time.Second // how long a list counts
	ownMost = 256             // lists
)

func (o *ownServers) list(ctx context.Context, name string) ([]splitdns.Upstream, error) {
	o.mu.Lock()
	l, ok := o.known[name]
	o.mu.Unlock()
	if ok && time.Since(l.at) < ownFor {
		return l.list, nil
	}
	r, err := o.ask(ctx, name)
	if err != nil {
		return nil, err
	}
	servers := slices.DeleteFunc(r.Servers, func(s hostnet.NameServer) bool { return s.Addr == o.self })
	if others := slices.DeleteFunc(slices.Clone(servers), o.inTunnel); len(others) > 0 {
		servers = others
	}
	l = listed{at: time.Now()}
	for _, s := range servers {
		l.list = append(l.list, splitdns.Upstream(s))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil || len(o.known) >= ownMost {
		o.known = map[string]listed{}
	}
	o.known[name] = l
	return l.list, nil
}

func (o *ownServers) inTunnel(s hostnet.NameServer) bool {
	return slices.ContainsFunc(o.but, func(t netip.AddrPort) bool { return t.Addr() == s.Addr.Addr() })
}
