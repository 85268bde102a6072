package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"culvert/config"
)

// place is whose configuration names addresses at which to listen beside the VPN.
type place struct {
	role  string // "server" or "client"
	file  string
	again string // what has the configuration count
	// running finds the process that goes by it.
	running func(context.Context) (runner, error)
}

// endpoint is such an address.
type endpoint struct {
	place
	config.Listener
}

// besides are the words for each directive that names one: for its checks, and for what is served.
var besides = map[string]struct{ short, what string }{
	"web-listen": {"web", "web pages"}, "dashboard-listen": {"dashboard", "the dashboard"}, "api-listen": {"API", "the API"}, "metrics-listen": {"metrics", "metrics"},
	"management": {"management", "the management interface"},
}

// endpointsOf are those that a configuration asks for.
func endpointsOf(c *config.Config, p place) (all []endpoint) {
	for _, l := range config.Listeners(c) {
		if _, ok := besides[l.Directive]; ok {
			all = append(all, endpoint{p, l})
		}
	}
	return all
}

func (e endpoint) what() string { return besides[e.Directive].what }

// portCheck looks at who has the port.
func (e endpoint) portCheck() inspection {
	about := fmt.Sprintf("whether the port of %s is the %s's, or free for it", e.Directive, e.role)
	return inspection{name: besides[e.Directive].short + " port", about: about, look: func(ctx context.Context, n *notes) {
		r, _ := e.running(ctx)
		on := config.Listen{Host: e.Listen.Addr().String(), Port: int(e.Listen.Port()), Proto: config.Proto{TCP: true}}
		all, err := holders(ctx, []port{{true, on.Port}})
		if err != nil {
			n.unknown("%v", err)
			return
		}
		e.judgePort(n, r, fmt.Sprintf("TCP port %d (%s)", on.Port, e.Directive), at(on, all[port{true, on.Port}]))
	}}
}

func (e endpoint) judgePort(n *notes, r runner, where string, list []holder) {
	lines := e.Directive
	if e.HostBy != "" { // which names the port, too
		lines += " and " + e.HostBy
	}
	cannot := fmt.Sprintf("the %s cannot serve %s there", e.role, e.what())
	for _, h := range list {
		if r.has(h) {
			continue
		}
		if r.may != "" {
			n.unknown("%s is held by %v, and whether that is the %s is hidden: %s", where, h, e.role, r.may)
			return
		}
		n.problem(where+" is another program's, and "+cannot, fmt.Sprintf("held by %v", h),
			fmt.Sprintf("end that program; or write another port in %s of %s, and %s", lines, shell(e.file), e.again))
		return
	}
	own, known := isOwnAddress(e.Listen.Addr())
	switch {
	case len(list) > 0:
		n.saw("%s: %v", where, list[0])
	case known != "" && !own:
		n.problem(fmt.Sprintf("%v (%s) is not an address of this host, and %s", e.Listen.Addr(), e.Directive, cannot), "this host has "+known,
			fmt.Sprintf("write %s in %s of %s, and %s", e.addresses(), e.Directive, shell(e.file), e.again))
	case r.by == "culvert":
		n.problem(fmt.Sprintf("the %s runs and does not serve %s", e.role, e.what()), where+" is nobody's",
			fmt.Sprintf("see the %s's log for why; if %s was written after its start, %s", e.role, e.Directive, e.again))
	default:
		n.saw("%s is free", where)
	}
}

// addresses are those at which the directive can have it listen.
func (e endpoint) addresses() string {
	if e.Directive == "management" {
		return "one of this host's"
	}
	return "one of this host's, or *,"
}

// has reports whether a process that has a port is the one that runs, or of its kin: rights are
// divided among several.
func (r runner) has(h holder) bool {
	if h.pid == 0 {
		return r.by != ""
	}
	return h.name == r.by && (r.pid == 0 || kin(h.pid, r.pid))
}

// isOwnAddress reports whether this host has an address, or may listen at one that it does not
// have. known are those that it has; "": that is not known.
func isOwnAddress(a netip.Addr) (own bool, known string) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return false, ""
	}
	a = a.Unmap()
	foreign, _ := setting(map[bool]string{true: "net/ipv4/ip_nonlocal_bind", false: "net/ipv6/ip_nonlocal_bind"}[a.Is4()])
	own = a.IsUnspecified() || a.Is4() && a.IsLoopback() || foreign == "1"
	var texts []string
	for _, one := range list {
		if p, err := netip.ParsePrefix(one.String()); err == nil {
			texts, own = append(texts, p.Addr().String()), own || p.Addr() == a
		}
	}
	return own, cmp.Or(strings.Join(texts, ", "), "none")
}
