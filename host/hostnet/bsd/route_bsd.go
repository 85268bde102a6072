//go:build darwin || freebsd || openbsd

package bsd

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"os"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// Route is a destination and the way to it.
type Route struct {
	Dst    netip.Prefix
	Via    netip.Addr // next hop; not valid: on the device's own network
	Device string
}

// Routes lists what an administrator would call a route: no neighbours, no
// addresses of this host, nothing of the loopback, multicast or broadcast.
func Routes() ([]Route, error) {
	rib, err := route.FetchRIB(unix.AF_UNSPEC, route.RIBTypeRoute, 0)
	if err != nil {
		return nil, err
	}
	messages, err := route.ParseRIB(route.RIBTypeRoute, rib)
	if err != nil {
		return nil, fmt.Errorf("routing table: %w", err)
	}
	devices, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	names := map[int]string{}
	for _, d := range devices {
		if d.Flags&net.FlagLoopback == 0 {
			names[d.Index] = d.Name
		}
	}
	var routes []Route
	for _, m := range messages {
		if r, ok := parse(m, names); ok {
			routes = append(routes, r)
		}
	}
	return routes, nil
}

// notRoutes are the flags of what Routes leaves out.
const notRoutes = unix.RTF_LLINFO | unix.RTF_LOCAL | unix.RTF_BROADCAST | unix.RTF_MULTICAST | alsoNotRoutes

func parse(m route.Message, names map[int]string) (r Route, ok bool) {
	rm, isRoute := m.(*route.RouteMessage)
	if !isRoute || rm.Flags&unix.RTF_UP == 0 || rm.Flags&notRoutes != 0 || len(rm.Addrs) <= unix.RTAX_NETMASK {
		return r, false
	}
	dst := addrOf(rm.Addrs[unix.RTAX_DST])
	r.Device = names[rm.Index]
	if !dst.IsValid() || dst.IsMulticast() || r.Device == "" {
		return r, false
	}
	length := dst.BitLen()
	if rm.Flags&unix.RTF_HOST == 0 {
		length = ones(rm.Addrs[unix.RTAX_NETMASK])
	}
	if rm.Flags&unix.RTF_GATEWAY != 0 {
		r.Via = addrOf(rm.Addrs[unix.RTAX_GATEWAY])
	}
	r.Dst = netip.PrefixFrom(dst, length).Masked()
	return r, r.Dst.IsValid()
}

// addrOf leaves out the zone of an IPv6 address: it is the device.
func addrOf(a route.Addr) netip.Addr {
	switch a := a.(type) {
	case *route.Inet4Addr:
		return netip.AddrFrom4(a.IP)
	case *route.Inet6Addr:
		return netip.AddrFrom16(a.IP)
	}
	return netip.Addr{}
}

// ones returns the length of a mask; a default route may have none.
func ones(a route.Addr) (n int) {
	for _, b := range addrOf(a).AsSlice() {
		n += bits.OnesCount8(b)
	}
	return n
}

// AddRoute adds a route. The error is the system's.
func AddRoute(r Route) error { return tell(unix.RTM_ADD, r) }

// RemoveRoute takes one away.
func RemoveRoute(r Route) error { return tell(unix.RTM_DELETE, r) }

// tell writes one message to a routing socket, whose write(2) gives the
// outcome.
func tell(kind int, r Route) error {
	m, err := message(kind, r)
	if err != nil {
		return err
	}
	b, err := m.Marshal()
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Shutdown(fd, unix.SHUT_RD); err != nil { // replies would only pile up
		return err
	}
	_, err = unix.Write(fd, b)
	return err
}

func message(kind int, r Route) (*route.RouteMessage, error) {
	device, err := net.InterfaceByName(r.Device)
	if err != nil {
		return nil, unix.ENXIO
	}
	link := &route.LinkAddr{Index: device.Index, Name: device.Name}
	m := &route.RouteMessage{
		Type: kind, Flags: unix.RTF_UP | unix.RTF_STATIC, ID: uintptr(os.Getpid()), Seq: 1,
		Addrs: make([]route.Addr, unix.RTAX_IFP+1),
	}
	m.Addrs[unix.RTAX_DST], m.Addrs[unix.RTAX_IFP] = socketAddr(r.Dst.Addr(), device.Index), link
	if r.Dst.IsSingleIP() {
		m.Flags |= unix.RTF_HOST
	} else {
		m.Addrs[unix.RTAX_NETMASK] = socketAddr(mask(r.Dst), 0)
	}
	if r.Via.IsValid() {
		m.Flags |= unix.RTF_GATEWAY
		m.Addrs[unix.RTAX_GATEWAY] = socketAddr(r.Via, device.Index)
		return m, nil
	}
	m.Addrs[unix.RTAX_GATEWAY], err = onLink(device, link, r.Dst.Addr())
	return m, err
}

// socketAddr has the device's index inside a link-local address, as kernels
// from KAME want it and route(8) puts it.
func socketAddr(a netip.Addr, index int) route.Addr {
	if a.Is4() {
		return &route.Inet4Addr{IP: a.As4()}
	}
	b := a.As16()
	if a.IsLinkLocalUnicast() {
		binary.BigEndian.PutUint16(b[2:], uint16(index))
	}
	return &route.Inet6Addr{IP: b}
}
