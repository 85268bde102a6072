package bsd

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// alsoNotRoutes: clones are neighbours.
const alsoNotRoutes = unix.RTF_CLONED

// onLink is the gateway of a route that has none: on OpenBSD the device's own
// address (route(8), -iface).
func onLink(device *net.Interface, _ *route.LinkAddr, dst netip.Addr) (route.Addr, error) {
	own, err := ownAddress(device, dst)
	if err != nil {
		return nil, err
	}
	return socketAddr(own, device.Index), nil
}

var errNoAddress = errors.New("the device has no address of the family yet")

// ownAddress is an address of the device, of dst's family.
func ownAddress(device *net.Interface, dst netip.Addr) (netip.Addr, error) {
	addrs, err := device.Addrs()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if own := p.Addr(); err == nil && own.BitLen() == dst.BitLen() && !own.IsLinkLocalUnicast() {
			return own, nil
		}
	}
	return netip.Addr{}, errNoAddress
}
