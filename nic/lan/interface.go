package lan

import (
	"fmt"
	"net"
	"net/netip"

	"culvert/nic/frame"
)

// Interface describes the adapter.
type Interface struct {
	Name string
	MAC  frame.MAC
	// IPv4 and IPv6 are its first global addresses, each with its network; invalid
	// if it has none.
	IPv4, IPv6 netip.Prefix
}

// Find returns the description of an adapter of this host.
func Find(name string) (Interface, error) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return Interface{}, fmt.Errorf("%s: there is no such adapter on this host", name)
	}
	if len(ifi.HardwareAddr) != len(frame.MAC{}) {
		return Interface{}, fmt.Errorf("%s has no Ethernet address: name an Ethernet adapter or a bridge", name)
	}
	i := Interface{Name: name, MAC: frame.MAC(ifi.HardwareAddr)}
	addrs, err := ifi.Addrs()
	if err != nil {
		return Interface{}, fmt.Errorf("%s: %w", name, err)
	}
	i.pick(addrs)
	if !i.IPv4.IsValid() && !i.IPv6.IsValid() {
		return Interface{}, fmt.Errorf("%s has no address, so that the network of its segment is not known: give it one first", name)
	}
	return i, nil
}

// pick takes the first address of each family that other hosts could use.
func (i *Interface) pick(addrs []net.Addr) {
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		switch {
		case err != nil || !p.Addr().IsGlobalUnicast():
		case p.Addr().Is4() && !i.IPv4.IsValid():
			i.IPv4 = p
		case p.Addr().Is6() && !i.IPv6.IsValid():
			i.IPv6 = p
		}
	}
}
