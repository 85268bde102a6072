package hostnet

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// established is TCP_ESTABLISHED of the kernel, for UDP too: a socket that is connected.
const established = 1

func connectionsFrom(a netip.Addr) (list []Connection) {
	families := []uint8{unix.AF_INET6}
	if a.Is4() {
		families = append(families, unix.AF_INET) // IPv6 sockets carry IPv4, too, from mapped addresses
	}
	for proto, ask := range map[string]func(uint8) ([]*netlink.Socket, error){"tcp": netlink.SocketDiagTCP, "udp": netlink.SocketDiagUDP} {
		for _, family := range families {
			sockets, _ := ask(family) // those that there are, without the family none
			for _, s := range sockets {
				from, to := addrOf(s.ID.Source), addrOf(s.ID.Destination)
				if s.State == established && from == a {
					list = append(list, Connection{proto, netip.AddrPortFrom(from, s.ID.SourcePort), netip.AddrPortFrom(to, s.ID.DestinationPort)})
				}
			}
		}
	}
	return list
}
