package hostnet

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// established is TCP_ESTABLISHED of the kernel, for UDP too: a socket that is connected.
const established = 1

func connectionsFrom(a netip.Addr) (list []Connection) {
	family := uint8(unix.AF_INET)
	if a.Is6() {
		family = unix.AF_INET6
	}
	for proto, ask := range map[string]func(uint8) ([]*netlink.Socket, error){"tcp": netlink.SocketDiagTCP, "udp": netlink.SocketDiagUDP} {
		sockets, err := ask(family)
		if err != nil {
			continue
		}
		for _, s := range sockets {
			from, to := addrOf(s.ID.Source), addrOf(s.ID.Destination)
			if s.State == established && from == a {
				list = append(list, Connection{proto, netip.AddrPortFrom(from, s.ID.SourcePort), netip.AddrPortFrom(to, s.ID.DestinationPort)})
			}
		}
	}
	return list
}
