package bsd

import (
	"net"
	"net/netip"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// alsoNotRoutes: clones are neighbours, and scoped routes count only for
// sockets bound to their device.
const alsoNotRoutes = unix.RTF_WASCLONED | unix.RTF_IFSCOPE

// onLink is the gateway of a route that has none.
func onLink(_ *net.Interface, link *route.LinkAddr, _ netip.Addr) (route.Addr, error) {
	return link, nil
}
