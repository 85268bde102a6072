// Package bsd changes addresses and routes of kernels in the line of 4.4BSD:
// macOS, FreeBSD and OpenBSD. It knows their ioctl(2) requests (netintro(4),
// inet6(4)) and their routing sockets (route(4)).
//
// What a request looks like is pure and built everywhere; sending it is built
// on those systems.
package bsd

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// request is the argument of an ioctl, and its number. A number has the
// argument's length in it (sys/ioccom.h).
type request struct {
	number uintptr
	arg    []byte
}

// layout is how a system's requests differ from the others'.
type layout struct {
	add4, add6   uint8 // numbers of SIOCAIFADDR and SIOCAIFADDR_IN6 in group 'i'
	setMTU       uint8
	vhid         bool // an address group (CARP) ends both
	pointToPoint bool // tun devices are, and so an IPv4 address needs another end
}

// The layouts are those of net/if.h, sys/sockio.h and netinet6/in6_var.h, on
// 64-bit machines.
var layouts = map[string]layout{
	"darwin":  {add4: 26, add6: 26, setMTU: 52, pointToPoint: true},
	"freebsd": {add4: 43, add6: 27, setMTU: 52, vhid: true},
	"openbsd": {add4: 26, add6: 26, setMTU: 127, pointToPoint: true},
}

const (
	nameLen     = 16 // IFNAMSIZ
	ifreqLen    = 32
	in6IfreqLen = 288 // its union ends with the 34 counters of icmp6_ifstat
	afInet      = 2
	deleteAddr  = 25 // SIOCDIFADDR, SIOCDIFADDR_IN6
	getFlags    = 17
	setFlags    = 16
	ifUp        = 1          // IFF_UP
	forever     = 0xffffffff // ND6_INFINITE_LIFETIME
)

// write is _IOW('i', n, arg), readWrite _IOWR.
func write(n uint8, arg []byte) request     { return request{number(0x80000000, n, arg), arg} }
func readWrite(n uint8, arg []byte) request { return request{number(0xc0000000, n, arg), arg} }

func number(direction uintptr, n uint8, arg []byte) uintptr {
	return direction | uintptr(len(arg))<<16 | uintptr('i')<<8 | uintptr(n)
}

// named returns an argument of a length that begins with a device's name.
func named(device string, length int) []byte {
	b := make([]byte, nameLen, length)
	copy(b[:nameLen-1], device)
	return b
}

// padded fills an argument up to the length that it was made for.
func padded(b []byte) []byte { return b[:cap(b)] }

// addAddress gives a device an address. With a valid peer, that is the other
// end; without one, an IPv4 address of a point-to-point device is its own.
func (l layout) addAddress(device string, own netip.Prefix, peer netip.Addr, inet6 uint8) request {
	if own.Addr().Is4() {
		return l.addAddress4(device, own, peer)
	}
	length := 128
	if l.vhid {
		length = 136
	}
	b := appendSockaddr6(named(device, length), own.Addr(), inet6)
	if peer.IsValid() && l.pointToPoint {
		b = appendSockaddr6(b, peer, inet6)
	} else {
		b = append(b, make([]byte, 28)...)
	}
	b = appendSockaddr6(b, mask(own), inet6)
	b = append(b, make([]byte, 4+8+8)...) // flags, and when it expires
	b = binary.NativeEndian.AppendUint32(b, forever)
	b = binary.NativeEndian.AppendUint32(b, forever)
	return write(l.add6, padded(b))
}

func (l layout) addAddress4(device string, own netip.Prefix, peer netip.Addr) request {
	length := 64
	if l.vhid {
		length = 68
	}
	b := appendSockaddr4(named(device, length), own.Addr())
	switch {
	case !l.pointToPoint:
		b = append(b, make([]byte, 16)...) // the kernel knows the broadcast address
	case peer.IsValid():
		b = appendSockaddr4(b, peer)
	default:
		b = appendSockaddr4(b, own.Addr())
	}
	b = appendSockaddr4(b, mask(own))
	return write(l.add4, padded(b))
}

// removeAddress takes one away.
func removeAddress(device string, own netip.Addr, inet6 uint8) request {
	if own.Is4() {
		return write(deleteAddr, padded(appendSockaddr4(named(device, ifreqLen), own)))
	}
	return write(deleteAddr, padded(appendSockaddr6(named(device, in6IfreqLen), own, inet6)))
}

// mtu sets the largest packet of a device.
func (l layout) mtu(device string, bytes int) request {
	return write(l.setMTU, padded(binary.NativeEndian.AppendUint32(named(device, ifreqLen), uint32(bytes))))
}

// flags asks for a device's.
func flags(device string) request { return readWrite(getFlags, padded(named(device, ifreqLen))) }

// up turns the answer to flags into the request that switches the device on or off.
func (r request) up(on bool) request {
	b := append([]byte(nil), r.arg...)
	f := binary.NativeEndian.Uint16(b[nameLen:])
	f &^= ifUp
	if on {
		f |= ifUp
	}
	binary.NativeEndian.PutUint16(b[nameLen:], f)
	return write(setFlags, b)
}

func mask(p netip.Prefix) netip.Addr {
	a, _ := netip.AddrFromSlice(net.CIDRMask(p.Bits(), p.Addr().BitLen()))
	return a
}

// appendSockaddr4 appends a struct sockaddr_in.
func appendSockaddr4(b []byte, a netip.Addr) []byte {
	b = append(b, 16, afInet, 0, 0)
	b = append(b, a.AsSlice()...)
	return append(b, make([]byte, 8)...)
}

// appendSockaddr6 appends a struct sockaddr_in6, whose family has another
// number on each system.
func appendSockaddr6(b []byte, a netip.Addr, inet6 uint8) []byte {
	b = append(b, 28, inet6, 0, 0, 0, 0, 0, 0)
	b = append(b, a.AsSlice()...)
	return append(b, 0, 0, 0, 0)
}
