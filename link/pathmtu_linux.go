package link

import (
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

var _ Path = (*UDP)(nil)

// PathMTU implements Path, for a socket whose datagrams this host may not cut.
func (u *UDP) PathMTU(remote netip.AddrPort) (bytes int, ok bool) {
	if d := u.route.MTUDiscovery; d != CutHere && d != CutNever {
		return 0, false
	}
	return u.Believed(remote)
}

// Believed implements Whole. It asks for the route of a socket with the same options that is
// connected to the address (IP_MTU of ip(7), IPV6_MTU of ipv6(7)).
func (u *UDP) Believed(remote netip.AddrPort) (bytes int, ok bool) {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			// Without the right to set a mark, the answer is for the route without
			// it.
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(u.route.Mark))
			if u.route.Device != "" {
				_ = unix.BindToDevice(int(fd), u.route.Device)
			}
		})
	}}
	conn, err := dialer.Dial("udp", unmap(remote).String())
	if err != nil {
		return 0, false
	}
	defer conn.Close()
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		return 0, false
	}
	level, option := unix.IPPROTO_IP, unix.IP_MTU
	if unmap(remote).Addr().Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	controlErr := raw.Control(func(fd uintptr) { bytes, err = unix.GetsockoptInt(int(fd), level, option) })
	return bytes, err == nil && controlErr == nil
}
