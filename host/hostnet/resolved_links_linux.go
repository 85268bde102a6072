package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/godbus/dbus/v5"
)

// This file reads whom systemd-resolved asks for a name, from the properties of
// its manager and links (org.freedesktop.resolve1(5)).

// resolvedLink is what it knows of one link. The one with index 0 stands for the
// servers of its own configuration.
type resolvedLink struct {
	index   int32
	servers []NameServer
	domains []resolvedDomain
	normal  bool // is asked for names that are in no link's domains
}

// managedServer is a server in the manager's DNSEx: a(iiayqs).
type managedServer struct {
	Index, Family int32
	Addr          []byte
	Port          uint16
	Name          string
}

// managedServerOld is one in DNS, before systemd 246: a(iiay).
type managedServerOld struct {
	Index, Family int32
	Addr          []byte
}

// managedDomain is one in Domains: a(isb).
type managedDomain struct {
	Index     int32
	Name      string
	RouteOnly bool
}

var errNoServers = errors.New("systemd-resolved has no name server except the tunnel's")

func (linux) linkResolvers(ctx context.Context, device, name string) (Resolvers, error) {
	index := 0 // of no adapter
	if device != "" {
		own, err := net.InterfaceByName(device)
		if err != nil {
			return Resolvers{}, fmt.Errorf("%w: %w", errGone, err)
		}
		index = own.Index
	}
	links, err := readLinks(ctx, func(of int32) bool { return int(of) != index })
	if err != nil {
		return Resolvers{}, fmt.Errorf("systemd-resolved: %w", err)
	}
	r := parseResolvConf(nil)
	r.Servers = serversFor(name, links)
	for _, l := range links {
		for _, d := range l.domains {
			if !d.RouteOnly && len(l.servers) > 0 {
				r.Search = append(r.Search, d.Name)
			}
		}
	}
	if len(links) == 0 { // without the tunnel, it would ask these
		r.Servers = fallbackServers(ctx)
	}
	if len(r.Servers) == 0 {
		return r, errNoServers
	}
	return r, nil
}

// fallbackServer is a server in the manager's FallbackDNSEx: a(iayqs).
type fallbackServer struct {
	Family int32
	Addr   []byte
	Port   uint16
	Name   string
}

// fallbackServers are those that systemd-resolved asks where it has no others, since systemd
// 246.
func fallbackServers(ctx context.Context) []NameServer {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return nil
	}
	defer bus.Close()
	manager := bus.Object(resolvedName, resolvedPath)
	var list []fallbackServer
	if readProperty(ctx, manager, "Manager", "FallbackDNSEx", &list) != nil {
		return nil
	}
	global := &resolvedLink{}
	for _, s := range list {
		if a, ok := netip.AddrFromSlice(s.Addr); ok {
			global.servers = append(global.servers, NameServer{Addr: netip.AddrPortFrom(a, s.Port), Name: s.Name})
		}
	}
	global.refine(ctx, manager)
	return global.servers
}

// serversFor returns the servers of the links with the longest domain that name is in,
// or of the normal links if it is in none (systemd-resolved.service(8), "Protocols and
// Routing").
func serversFor(name string, links []*resolvedLink) (servers []NameServer) {
	longest := -1
	for _, l := range links {
		longest = max(longest, l.match(name))
	}
	for _, l := range links {
		if m := l.match(name); longest >= 0 && m == longest || longest < 0 && l.normal {
			servers = append(servers, l.servers...)
		}
	}
	return unique(servers)
}

// match returns the length of the longest domain that name is in, -1 for none. A link
// without servers matches nothing.
func (l *resolvedLink) match(name string) int {
	longest := -1
	name = "." + strings.ToLower(strings.TrimSuffix(name, "."))
	for _, d := range l.domains {
		domain := strings.Trim(strings.ToLower(d.Name), ".")
		if len(l.servers) > 0 && (domain == "" || strings.HasSuffix(name, "."+domain)) {
			longest = max(longest, len(domain))
		}
	}
	return longest
}

// readLinks reads the links that which picks by their indexes.
func readLinks(ctx context.Context, which func(index int32) bool) ([]*resolvedLink, error) {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("D-Bus: %w", err)
	}
	defer bus.Close()
	manager := bus.Object(resolvedName, resolvedPath)
	servers, err := managedServers(ctx, manager)
	if err != nil {
		return nil, err
	}
	var domains []managedDomain
	if err := readProperty(ctx, manager, "Manager", "Domains", &domains); err != nil {
		return nil, err
	}
	var links []*resolvedLink
	for _, l := range sortLinks(servers, domains) {
		if !which(l.index) {
			continue
		}
		object := manager
		if l.index != 0 {
			var path dbus.ObjectPath
			if err := manager.CallWithContext(ctx, resolvedManager+"GetLink", 0, l.index).Store(&path); err != nil {
				continue // gone since
			}
			object = bus.Object(resolvedName, path)
		}
		l.refine(ctx, object)
		links = append(links, l)
	}
	return links, nil
}

func managedServers(ctx context.Context, manager dbus.BusObject) (servers []managedServer, err error) {
	if err = readProperty(ctx, manager, "Manager", "DNSEx", &servers); err == nil {
		return servers, nil
	}
	var old []managedServerOld
	if err = readProperty(ctx, manager, "Manager", "DNS", &old); err != nil {
		return nil, err
	}
	for _, s := range old {
		servers = append(servers, managedServer{Index: s.Index, Family: s.Family, Addr: s.Addr})
	}
	return servers, nil
}

// readProperty reads a property into a pointer.
func readProperty(ctx context.Context, o dbus.BusObject, kind, name string, to any) error {
	var v dbus.Variant
	err := o.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, resolvedName+"."+kind, name).Store(&v)
	if err != nil {
		return err
	}
	return dbus.Store([]any{v.Value()}, to)
}

// sortLinks puts together what belongs to each link.
func sortLinks(servers []managedServer, domains []managedDomain) (links []*resolvedLink) {
	byIndex := make(map[int32]*resolvedLink)
	of := func(index int32) *resolvedLink {
		l := byIndex[index]
		if l == nil {
			l = &resolvedLink{index: index, normal: true}
			byIndex[index] = l
			links = append(links, l)
		}
		return l
	}
	for _, s := range servers {
		if a, ok := netip.AddrFromSlice(s.Addr); ok {
			l := of(s.Index)
			l.servers = append(l.servers, NameServer{Addr: netip.AddrPortFrom(scoped(a, s.Index), s.Port), Name: s.Name})
		}
	}
	for _, d := range domains {
		l := of(d.Index)
		l.domains = append(l.domains, resolvedDomain{d.Name, d.RouteOnly})
		l.normal = l.normal && !d.RouteOnly
	}
	return links
}

// scoped gives a link-local address the link it is on.
func scoped(a netip.Addr, index int32) netip.Addr {
	l, err := net.InterfaceByIndex(int(index))
	if err != nil || !a.Is6() || !a.IsLinkLocalUnicast() {
		return a
	}
	return a.WithZone(l.Name)
}

// refine adds what only the link's own object, or the manager's, says: whether it is
// normal, and whether its servers must be asked over TLS.
func (l *resolvedLink) refine(ctx context.Context, o dbus.BusObject) {
	kind, overTLS := "Link", ""
	if l.index == 0 {
		kind = "Manager"
	} else {
		_ = readProperty(ctx, o, kind, "DefaultRoute", &l.normal) // since systemd 240; else as it was
	}
	_ = readProperty(ctx, o, kind, "DNSOverTLS", &overTLS)
	for i, s := range l.servers {
		port := s.Addr.Port()
		if s.TLS = overTLS == "yes"; port == 0 && s.TLS {
			port = dnsOverTLSPort
		} else if port == 0 {
			port = dnsPort
		}
		s.Addr = netip.AddrPortFrom(s.Addr.Addr(), port)
		l.servers[i] = s
	}
}
