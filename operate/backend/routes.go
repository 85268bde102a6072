package backend

import (
	"net/netip"
	"slices"
	"strings"

	"culvert/config"
	"culvert/host/hostnet"
)

// Router is a role that says where packets go by it. All of this package's are.
type Router interface {
	Routes() Routes
}

var (
	_ Router = (*Server)(nil)
	_ Router = (*Client)(nil)
	_ Router = (*Host)(nil)
)

// Routes are where packets go by a tunnel.
type Routes struct {
	// Routes are those of the adapter first, and then those of sessions.
	Routes []Route `json:"routes" nullable:"false" doc:"those of the adapter first, and then those to sessions"`
	// Host is set where they are routes of this host, and not set where the adapter is in
	// this process alone.
	Host bool `json:"host" doc:"false where the adapter is in this process alone (user space), so that this host has none of them"`
	// Problems are what could not be had besides routes.
	Problems []string `json:"problems,omitempty" nullable:"false" doc:"what else of the adapter's state could not be had"`
}

// Route is a destination, and where packets to it go.
type Route struct {
	Network netip.Prefix `json:"network" doc:"the destination"`
	Leads   Leads        `json:"leads" enum:"tunnel,outside,refused,session" doc:"into the tunnel, past it by this host's other routes, nowhere, or to a session"`
	Gateway netip.Addr   `json:"gateway,omitzero" doc:"the next hop, if there is one"`
	Device  string       `json:"device,omitempty" doc:"this host's adapter"`
	Metric  int          `json:"metric,omitempty" doc:"of several routes to a destination, the least counts"`
	Table   int          `json:"table,omitempty" doc:"the routing table; the main one, if none is said"`
	Session uint64       `json:"session,omitempty" doc:"the number of the session"`
	Name    string       `json:"name,omitempty" doc:"the name of the session's client"`
	Reason  Reason       `json:"reason" enum:"address,route,redirect-gateway,keep-server,network,lease,iroute,other" doc:"why it is there"`
	Line    string       `json:"line,omitempty" doc:"the line that it is for, without values"`
	Problem string       `json:"problem,omitempty" doc:"why it could not be put in"`
}

// Leads is where a route leads.
type Leads string

// The ways.
const (
	Inside    Leads = "tunnel"
	Outside   Leads = "outside"
	Nowhere   Leads = "refused"
	ToSession Leads = "session"
)

// Reason is why there is a route.
type Reason string

// The reasons.
const (
	ByAddress  Reason = "address"          // the adapter's own address is in the network
	ByRoute    Reason = "route"            // a line of route or route-ipv6
	ByRedirect Reason = "redirect-gateway" // all traffic goes by the tunnel
	KeepServer Reason = "keep-server"      // packets of the tunnel itself do not go into it
	ByNetwork  Reason = "network"          // the server's own network
	ByLease    Reason = "lease"            // a client's address
	ByIRoute   Reason = "iroute"           // a network behind a client
	ByOther    Reason = "other"
)

// Routes is Router's.
func (c *Client) Routes() Routes {
	cfg := c.settled()
	if cfg == nil {
		return Routes{Routes: []Route{}}
	}
	return c.routes(cfg)
}

// Explained is a role that says by which configuration it goes. All of this package's are.
type Explained interface {
	// Configuration returns that which was read, and told, which is the same with what a
	// server pushed last; nil: none did.
	Configuration() (now, told *config.Config)
}

var (
	_ Explained = (*Server)(nil)
	_ Explained = (*Client)(nil)
	_ Explained = (*Host)(nil)
)

// Configuration is Explained's.
func (c *Client) Configuration() (now, told *config.Config) { return c.cfg.Load(), c.settled() }

// Routes is Router's.
func (h *Host) Routes() Routes { return h.routes(h.cfg.Load()) }

// Routes is Router's.
func (s *Server) Routes() Routes {
	all := s.routes(s.cfg.Load())
	for _, c := range s.role.Clients() {
		to := func(p netip.Prefix, why Reason) {
			all.Routes = append(all.Routes, Route{Network: p, Leads: ToSession, Session: c.ID, Name: c.Name, Reason: why})
		}
		for _, a := range []netip.Addr{c.IPv4, c.IPv6} {
			if a.IsValid() {
				to(netip.PrefixFrom(a, a.BitLen()), ByLease)
			}
		}
		for _, p := range c.Networks {
			to(p, ByIRoute)
		}
	}
	return all
}

// routes are those of the adapter.
func (b *base) routes(by *config.Config) Routes {
	all := Routes{Routes: []Route{}}
	now := b.adapter.Load()
	if now == nil || now.adapter == nil {
		return all
	}
	all.Host = now.adapter.ChangesHost()
	want, partial := now.adapter.Wanted()
	w := whys{by}
	for _, a := range want.Addresses {
		p := a.Prefix.Masked()
		if a.Peer.IsValid() {
			p = netip.PrefixFrom(a.Peer, a.Peer.BitLen())
		}
		all.Routes = append(all.Routes, Route{Network: p, Leads: Inside, Device: now.name, Reason: ByAddress, Line: w.line(a.Prefix.Addr().Is6(), "ifconfig", "server")})
	}
	for _, r := range want.Routes {
		row := Route{Network: r.Dst, Leads: Inside, Gateway: r.Via, Device: now.name, Metric: r.Metric, Table: r.Table}
		switch {
		case r.Bypass:
			row.Leads, row.Device = Outside, ""
		case r.Refuse:
			row.Leads, row.Device = Nowhere, ""
		case r.Device != "":
			row.Device = r.Device
		}
		row.Reason, row.Line = w.why(r, b.role == "server")
		all.Routes = append(all.Routes, row)
	}
	if partial != nil {
		all.fail(partial.Failures)
	}
	return all
}

// fail notes what could not be had.
func (r *Routes) fail(failures []hostnet.Failure) {
	for _, f := range failures {
		at := slices.IndexFunc(r.Routes, func(row Route) bool { return f.Route.IsValid() && row.Network == f.Route && row.Reason != ByAddress })
		if at < 0 {
			r.Problems = append(r.Problems, f.Error())
			continue
		}
		r.Routes[at].Problem = f.Error()
	}
}

// whys says why a configuration has routes.
type whys struct{ cfg *config.Config }

func (w whys) why(r hostnet.Route, serves bool) (Reason, string) {
	for _, c := range w.cfg.Routing.Routes {
		if c.Net.IsValid() && c.Net.Masked() == r.Dst {
			return ByRoute, c.Pos.String()
		}
	}
	switch {
	case r.NetGateway, !r.Bypass && slices.ContainsFunc(w.cfg.Routing.Routes, func(c config.Route) bool {
		return !c.Net.IsValid() && c.IPv6 == r.Dst.Addr().Is6() && c.Bits == r.Dst.Bits()
	}):
		return ByRoute, ""
	case r.Bypass && r.Dst.IsSingleIP():
		return KeepServer, ""
	case w.cfg.Routing.RedirectGateway != nil && r.Dst.Bits() <= 1:
		return ByRedirect, w.line(false, "redirect-gateway", "redirect-private")
	case serves:
		return ByNetwork, w.line(r.Dst.Addr().Is6(), "server")
	}
	return ByOther, ""
}

// line is where the last line of some directives, or of their twins for IPv6, stands; "":
// nowhere.
func (w whys) line(ipv6 bool, names ...string) (place string) {
	for _, s := range config.SettingsOf(w.cfg, nil) {
		name := s.Name
		if ipv6 {
			name = strings.TrimSuffix(name, "-ipv6")
			if name == s.Name {
				continue
			}
		}
		if slices.Contains(names, name) && !s.IsDefault() {
			place = s.Pos.String()
		}
	}
	return place
}
