package link

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// before sets what must be set before the socket is bound.
func (o *Options) before(fd uintptr) error {
	if o.Mark != 0 {
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(o.Mark)); err != nil && !o.MarkIfAllowed {
			return fmt.Errorf("mark %d: needs CAP_NET_ADMIN; run as root or leave the mark out: %w", o.Mark, err)
		}
	}
	if o.share {
		if err := shareAddress(fd); err != nil {
			return err
		}
	}
	if o.Device != "" {
		if err := unix.BindToDevice(int(fd), o.Device); err != nil {
			return fmt.Errorf("bind to device %q: is there one of that name? `ip link` lists them: %w", o.Device, err)
		}
	}
	return o.discoverMTU(int(fd))
}

// discoverMTU sets MTUDiscovery, which accepted connections inherit.
func (o *Options) discoverMTU(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_DGRAM && o.MTUDiscovery == SystemMTU {
		return err
	}
	if err := setDiscovery(fd, o.discovery()); err != nil {
		return fmt.Errorf("set path MTU discovery (`mtu-disc`): %w", err)
	}
	return nil
}

// discovery is what the system is told for MTUDiscovery, on UDP.
func (o *Options) discovery() int {
	value := map[MTUDiscovery]int{CutAlways: unix.IP_PMTUDISC_DONT, CutHere: unix.IP_PMTUDISC_WANT, CutNever: unix.IP_PMTUDISC_DO}[o.MTUDiscovery]
	if o.MTUDiscovery == SystemMTU {
		return unix.IP_PMTUDISC_DONT
	}
	return value
}

// setDiscovery sets IP_MTU_DISCOVER and IPV6_MTU_DISCOVER, which takes the same numbers.
func setDiscovery(fd, value int) error {
	return setBoth(fd, unix.IP_MTU_DISCOVER, unix.IPV6_MTU_DISCOVER, value)
}

// setBoth sets an option for each protocol that a socket carries: a socket of the
// IPv6 family may also carry IPv4.
func setBoth(fd, option4, option6, value int) error {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return err
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, option4, value)
	if domain != unix.AF_INET6 {
		return err
	}
	if errors.Is(err, unix.ENOPROTOOPT) {
		err = nil // a socket for IPv6 alone
	}
	return errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, option6, value))
}

// after sets what a bound socket needs. It reports whether the socket is of the
// IPv6 family, as one for both protocols is.
func (o *Options) after(fd int) (ipv6 bool, err error) {
	setBuffer(fd, bufferSize(o.ReceiveBuffer), unix.SO_RCVBUFFORCE, unix.SO_RCVBUF)
	setBuffer(fd, bufferSize(o.SendBuffer), unix.SO_SNDBUFFORCE, unix.SO_SNDBUF)
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return false, err
	}
	if ipv6 = domain == unix.AF_INET6; ipv6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	} else {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	if err == nil && o.Refusals {
		// Each ICMP error makes one call on the socket fail.
		err = setBoth(fd, unix.IP_RECVERR, unix.IPV6_RECVERR, 1)
	}
	return ipv6, err
}

// setBuffer asks for size bytes: beyond the host's limit if this process may exceed
// it, otherwise up to the limit. Getting less is not an error.
func setBuffer(fd, size, force, ordinary int) {
	if size <= 0 || unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) == nil {
		return
	}
	if Enlarge == nil || Enlarge(fd, force == unix.SO_RCVBUFFORCE, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, ordinary, size)
	}
}
