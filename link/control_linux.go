package link

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control holds the control messages of one call, aligned as the kernel wants:
// IP_PKTINFO or IPV6_PKTINFO, IP_TOS or IPV6_TCLASS, and UDP_SEGMENT or UDP_GRO.
type control [12]uint64

// next returns the header and data of the control message at an offset, and
// the offset of the one after it. Past the end of size bytes the header is nil.
func (c *control) next(at, size int) (h *unix.Cmsghdr, data unsafe.Pointer, after int) {
	if size = min(size, len(c)*8); at+unix.CmsgLen(0) > size {
		return nil, nil, at
	}
	start := unsafe.Pointer(c)
	h = (*unix.Cmsghdr)(unsafe.Add(start, at))
	if int(h.Len) < unix.CmsgLen(0) || int(h.Len) > size-at {
		return nil, nil, at
	}
	return h, unsafe.Add(start, at+unix.CmsgLen(0)), at + unix.CmsgSpace(int(h.Len)-unix.CmsgLen(0))
}

// parse reads the address that a datagram came to, if the kernel gave it, and the
// size of each of the datagrams that came as one, or 0.
func (c *control) parse(size int) (local netip.Addr, segment int) {
	for h, data, at := c.next(0, size); h != nil; h, data, at = c.next(at, size) {
		length := int(h.Len) - unix.CmsgLen(0)
		switch {
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && length >= unix.SizeofInet6Pktinfo:
			local = netip.AddrFrom16((*unix.Inet6Pktinfo)(data).Addr).Unmap()
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && length >= unix.SizeofInet4Pktinfo:
			// For a broadcast this is our own address.
			local = netip.AddrFrom4((*unix.Inet4Pktinfo)(data).Spec_dst)
		case h.Level == unix.SOL_UDP && h.Type == unix.UDP_GRO && length >= 4:
			segment = int(*(*int32)(data))
		}
	}
	return local, segment
}

// put begins a control message at an offset, and returns its data and the
// offset after it.
func (c *control) put(at int, level, kind int32, length int) (data unsafe.Pointer, after int) {
	start := unsafe.Pointer(c)
	h := (*unix.Cmsghdr)(unsafe.Add(start, at))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(length))
	return unsafe.Add(start, at+unix.CmsgLen(0)), at + unix.CmsgSpace(length)
}

// setLocal writes, at the front, a control message that makes a datagram leave from
// addr, and returns the offset after it. An offset of 0 lets the system choose.
func (c *control) setLocal(addr netip.Addr, ipv6 bool) (size int) {
	var data unsafe.Pointer
	switch {
	case !addr.IsValid() || !ipv6 && !addr.Unmap().Is4():
		return 0
	case ipv6:
		data, size = c.put(0, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		*(*unix.Inet6Pktinfo)(data) = unix.Inet6Pktinfo{Addr: addr.As16()}
		return size
	}
	data, size = c.put(0, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
	*(*unix.Inet4Pktinfo)(data) = unix.Inet4Pktinfo{Spec_dst: addr.Unmap().As4()}
	return size
}

// setSegment writes, at an offset, a control message that makes the kernel cut
// what is sent into datagrams of size bytes, and returns the offset after it.
func (c *control) setSegment(at, size int) int {
	data, after := c.put(at, unix.SOL_UDP, unix.UDP_SEGMENT, 2)
	*(*uint16)(data) = uint16(size)
	return after
}

// setClass writes, at an offset, a control message that gives a datagram to an address
// of that family its class, and returns the offset after it. An IPv6 socket sends to
// IPv4 addresses by IPv4's rules.
func (c *control) setClass(at int, class uint8, to netip.Addr) int {
	level, kind := int32(unix.IPPROTO_IP), int32(unix.IP_TOS)
	if to.Unmap().Is6() {
		level, kind = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
	}
	data, after := c.put(at, level, kind, 4)
	*(*int32)(data) = int32(class)
	return after
}
