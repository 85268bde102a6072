package bsd

import (
	"net"
	"net/netip"

	"golang.org/x/net/route"
)

const alsoNotRoutes = 0

// onLink is the gateway of a route that has none.
func onLink(_ *net.Interface, link *route.LinkAddr, _ netip.Addr) (route.Addr, error) {
	return link, nil
}
