package hostnet

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// This file is about services that take name servers per link.

// resolvedService is systemd-resolved.
var resolvedService = nameService{name: "systemd-resolved", split: true, ports: true}

// await has a service that was told of the adapter stay the one that names are asked of while
// it is silent, as in a restart, after which it knows of its links. All of this host asks it as
// long as the resolver's file names its stub, so a file for a while would divide names otherwise.
func (r *resolver) await(changes []change) {
	if r.service.name != "" || !isStub(r.content) {
		return
	}
	for _, c := range changes {
		if l, ok := c.(*linkDNSChange); ok && l.Service == resolvedService.name {
			r.service, r.known = resolvedService, false
		}
	}
}

// linkDNSChange hands servers and domains of a link to a name service.
type linkDNSChange struct {
	Device  string
	Service string
	DNS     DNS
}

func (c *linkDNSChange) String() string {
	text := fmt.Sprintf("have %s ask %s through %s for ", c.Service, strings.Join(texts(c.DNS.Servers), ", "), c.Device)
	if len(c.DNS.Domains) > 0 {
		text += "names in " + strings.Join(c.DNS.Domains, ", ")
	} else {
		text += "all names"
	}
	if len(c.DNS.Search) > 0 {
		text += ", search " + strings.Join(c.DNS.Search, ", ")
	}
	return text
}

func texts(servers []netip.AddrPort) (list []string) {
	for _, s := range servers {
		list = append(list, serverText(s))
	}
	return list
}

func serverText(s netip.AddrPort) string {
	if s.Port() == 0 || s.Port() == 53 {
		return s.Addr().String()
	}
	return s.String()
}

func (c *linkDNSChange) apply(ctx context.Context, k kernel) error {
	return k.setLinkDNS(ctx, c.Device, c.DNS)
}

func (c *linkDNSChange) undo(ctx context.Context, k kernel, _ change) (outcome, error) {
	return removed(named("name servers of "+c.Device+" from "+c.Service), k.revertLinkDNS(ctx, c.Device))
}

// without assumes that a service that does not say what it was told keeps it, as long as
// the link exists.
func (c *linkDNSChange) without(seen *observed) bool {
	r := &seen.resolver
	return r.service.name == c.Service && (!r.known || r.told.same(namesOfLink(c.DNS)))
}

// linkNames are what a name service knows of a link.
type linkNames struct {
	servers []string // as serverText
	// domains are asked for there, and searched, but for those with "~" in front, as
	// resolvectl(1) writes them.
	domains []string
	normal  bool // is asked for names that are in no link's domains
}

// namesOfLink has names in DNS.Domains asked at the link, or all of them. Without the root
// among its domains, other links' servers would be asked for those as well. A domain is
// named once: of two, systemd-resolved takes the last, and would not search it.
func namesOfLink(d DNS) linkNames {
	n := linkNames{servers: texts(d.Servers), domains: slices.Clone(d.Search), normal: len(d.Domains) == 0 && len(d.Servers) > 0}
	asked := d.Domains
	if n.normal {
		asked = []string{"."}
	}
	for _, name := range asked {
		if !slices.ContainsFunc(d.Search, func(s string) bool { return strings.EqualFold(s, name) }) {
			n.domains = append(n.domains, "~"+name)
		}
	}
	return n
}

func (n linkNames) same(o linkNames) bool {
	return n.normal == o.normal && slices.Equal(n.servers, o.servers) && slices.Equal(canonical(n.domains), canonical(o.domains))
}

// canonical returns domains in one order, each once.
func canonical(domains []string) (list []string) {
	for _, name := range domains {
		list = append(list, strings.ToLower(strings.TrimSuffix(name, ".")))
	}
	slices.Sort(list)
	return slices.Compact(list)
}
