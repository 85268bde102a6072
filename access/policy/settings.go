package policy

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Settings are what a client is pushed by the policy.
type Settings struct {
	Push []string // options as of the directive push
	// Without are the names of options that it is not pushed, whoever else says so.
	Without []string
}

// Settings returns what a client is pushed: all routes and name servers of lines about it,
// and from the first line about it that has `exit`, whether its way to the Internet leads
// through the tunnel.
func (p *Policy) Settings(who Who) (s Settings) {
	decided := false
	add := func(option string) {
		if !slices.Contains(s.Push, option) {
			s.Push = append(s.Push, option)
		}
	}
	for _, line := range p.file.given {
		if !who.is(line.whose) {
			continue
		}
		for _, n := range line.routes {
			add(routeOption(n))
		}
		for _, a := range line.dns {
			add("dhcp-option DNS " + a.String())
		}
		switch {
		case line.exit == nil || decided:
			continue
		case *line.exit:
			add(p.redirect())
		default:
			s.Without = append(s.Without, "redirect-gateway")
		}
		decided = true
	}
	return s
}

// redirect is the option that leads a client's way to the Internet through the tunnel.
func (p *Policy) redirect() string {
	if p.place.IPv6 {
		return "redirect-gateway def1 ipv6"
	}
	return "redirect-gateway def1"
}

// routeOption writes a route as OpenVPN does.
func routeOption(n netip.Prefix) string {
	if n.Addr().Is6() {
		return "route-ipv6 " + n.String()
	}
	return fmt.Sprintf("route %v %v", n.Addr(), net.IP(net.CIDRMask(n.Bits(), 32)))
}

// Line is a line of the file that is about a client.
type Line struct {
	Number int
	Allow  bool
	Opens  bool   // the client opens connections by it; else others do, to the client
	Text   string // the other side
	Ports  string // " tcp/443 udp/53"; "" for all
}

// About returns the rules that are about a client, in their order.
func (p *Policy) About(who Who) (all []Line) {
	for _, r := range p.file.rules {
		if who.is(r.from) {
			all = append(all, Line{r.line, r.allow, true, list(r.to), portList(r.ports)})
		}
		if who.is(r.to) {
			all = append(all, Line{r.line, r.allow, false, list(r.from), portList(r.ports)})
		}
	}
	return all
}

// Allows returns what holds where no rule does.
func (p *Policy) Allows() bool { return p.file.allow }

// portList writes ports as in a file, each with a space before it, as far as they fit on a
// line.
func portList(all []Ports) (text string) {
	if len(all) == len(everyPort) && all[0] == everyPort[0] && all[3] == everyPort[3] {
		return ""
	}
	const most = 8
	for i, p := range all {
		if i == most {
			return fmt.Sprintf("%s and %d more", text, len(all)-most)
		}
		text += " " + p.String()
	}
	return text
}

// list writes parties, as far as they fit on a line.
func list(parties []Party) (text string) {
	const most = 8
	for i, p := range parties {
		switch {
		case i == most:
			return fmt.Sprintf("%s and %d more", text, len(parties)-most)
		case i > 0:
			text += " "
		}
		text += p.String()
	}
	return text
}
