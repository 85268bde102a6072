package config

import (
	"net/netip"
	"strconv"
)

// Listener is an address at which a process serves people or programs, beside the ports of the
// VPN itself.
type Listener struct {
	Directive string // that asks for it, such as web-listen
	Listen    netip.AddrPort
	HTTPS     bool
	// Cert and Key are the names of the files of its certificate, which the line of Names
	// names; all "": the server's own authority issues it, or there is none.
	Cert, Key, Names string
	// Host is the name or address by which it is asked for, as HostBy says; "": by any.
	Host, HostBy string
}

// Listeners are those that the configuration asks for, in a fixed order.
func Listeners(c *Config) (all []Listener) {
	s := c.Server
	if m := c.Management; !m.Client && !m.Unix {
		at, err := netip.ParseAddr(m.Address)
		if port := portNumber(m.Port); err == nil && port > 0 {
			all = append(all, Listener{Directive: "management", Listen: netip.AddrPortFrom(at, uint16(port))})
		}
	}
	if s.Web.Yes() {
		all = append(all, s.https(Listener{Directive: "web-listen", Listen: s.Web.Listen, Host: s.Web.Host(), HostBy: "web-url"}))
	}
	switch d := s.Dashboard; {
	case d.Plain() && d.Yes():
		all = append(all, Listener{Directive: "dashboard-listen", Listen: d.Listen})
	case d.Yes():
		l := Listener{Directive: "dashboard-listen", Listen: d.Listen, Host: Web{URL: s.DashboardURL()}.Host(), HostBy: "dashboard-url"}
		if d.URL == "" {
			l.HostBy = "web-url"
		}
		all = append(all, s.https(l))
	}
	if s.API.Yes() {
		all = append(all, s.https(Listener{Directive: "api-listen", Listen: s.API.Listen}))
	}
	if c.Metrics.Yes() {
		all = append(all, Listener{Directive: "metrics-listen", Listen: c.Metrics.Listen})
	}
	return all
}

func (s Server) https(l Listener) Listener {
	l.HTTPS = true
	l.Cert, l.Key, l.Names = s.CertificateOf(l.Directive)
	return l
}

// CertificateOf are the names of the files of the certificate that a directive's listener shows,
// and which directive names them; all "": the server's own authority issues it.
func (s Server) CertificateOf(directive string) (cert, key, names string) {
	named := map[string]Web{"web-listen": s.Web, "dashboard-listen": s.Dashboard.Web, "api-listen": s.API}
	for _, name := range map[string][]string{
		"web-listen": {"web-listen"}, "dashboard-listen": {"dashboard-listen", "web-listen"}, "api-listen": {"api-listen", "web-listen", "dashboard-listen"},
	}[directive] {
		if w := named[name]; w.Cert != "" {
			return w.Cert, w.Key, name
		}
	}
	return "", "", ""
}

// listenerOf is the one that a directive asks for; not ok: it asks for none.
func listenerOf(c *Config, directive string) (l Listener, ok bool) {
	for _, l := range Listeners(c) {
		if l.Directive == directive {
			return l, true
		}
	}
	return Listener{}, false
}

// usualPorts are those that messages and pages name for a directive.
var usualPorts = map[string]int{"web-listen": 8443, "dashboard-listen": 8444, "api-listen": 8445, "metrics-listen": 9176, "management": 7505}

// sharedPort is what is wrong where a directive's listener cannot listen since another one, or
// the VPN itself, has its port, and what mends it; "": nothing.
func sharedPort(c *Config, directive string) (fault, mend string) {
	own, ok := listenerOf(c, directive)
	if !ok {
		return "", ""
	}
	port := int(own.Listen.Port())
	another := usualPorts[directive]
	if another == port {
		another += 10
	}
	mend = "write another port, such as " + strconv.Itoa(another)
	for _, l := range tcpListens(c) {
		if clash(own.Listen, l) {
			return "clients come to the same port, over TCP", mend
		}
	}
	for _, l := range Listeners(c) {
		if l.Directive == directive {
			break
		}
		if clash(own.Listen, l.Listen) {
			return l.Directive + " has the same port", mend
		}
	}
	return "", ""
}

// tcpListens are where a server awaits its clients over TCP, as far as that is known without
// asking for names.
func tcpListens(c *Config) (all []netip.AddrPort) {
	if !c.isServer() {
		return nil
	}
	for _, l := range c.Listens() {
		if !l.Proto.TCP || l.Port == 0 {
			continue
		}
		at := netip.IPv6Unspecified()
		if l.Proto.Family == 4 {
			at = netip.IPv4Unspecified()
		}
		if l.Host != "" {
			var err error
			if at, err = netip.ParseAddr(l.Host); err != nil {
				continue
			}
		}
		all = append(all, netip.AddrPortFrom(at, uint16(l.Port)))
	}
	return all
}

// clash reports whether two cannot listen at one time: :: is every address of both families.
func clash(a, b netip.AddrPort) bool {
	x, y, every := a.Addr().Unmap(), b.Addr().Unmap(), netip.IPv6Unspecified()
	return a.Port() == b.Port() && (x == y || x == every || y == every || x.Is4() == y.Is4() && (x.IsUnspecified() || y.IsUnspecified()))
}

// checkListeners wants each of them to have an address and port of its own.
func checkListeners(c check) {
	for _, l := range Listeners(c.Config) {
		if fault, mend := sharedPort(c.Config, l.Directive); fault != "" {
			c.problem(l.Directive, fault, mend)
		}
	}
}
