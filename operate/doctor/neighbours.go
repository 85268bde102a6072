package doctor

import (
	"net"
	"net/netip"
	"slices"
)

// isOwn reports whether a tunnel's device has the server's own address in a network: the
// first. The server's device is not known by name where it is not Culvert that runs it.
func isOwn(dev string, p netip.Prefix) bool {
	return slices.ContainsFunc(addressesOf(dev), func(a netip.Prefix) bool { return a.Addr() == p.Masked().Addr().Next() })
}

// nearby returns the networks of this host's adapters, but for one device and loopback.
func nearby(but string) (map[string][]netip.Prefix, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	near := map[string][]netip.Prefix{}
	for _, i := range all {
		if i.Name == but || i.Flags&net.FlagLoopback != 0 || i.Flags&net.FlagUp == 0 {
			continue
		}
		list, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range list {
			if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
				near[i.Name] = append(near[i.Name], p.Masked())
			}
		}
	}
	return near, nil
}

// addressesOf returns the addresses of a device, with their networks.
func addressesOf(dev string) (list []netip.Prefix) {
	i, err := net.InterfaceByName(dev)
	if err != nil {
		return nil
	}
	addrs, _ := i.Addrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, p)
		}
	}
	return list
}

// tunnels reports whether a device is one that a program made, such as a tunnel's.
func tunnels(dev string) bool {
	i, err := net.InterfaceByName(dev)
	return err == nil && i.Flags&net.FlagPointToPoint != 0
}

// addressIn is this host's address in a network of a device, for a command.
func addressIn(dev string, q netip.Prefix) string {
	for _, a := range addressesOf(dev) {
		if q.Contains(a.Addr()) {
			return a.String()
		}
	}
	return q.String()
}
