package standalone

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"culvert/host/hostnet"
)

var showGatewayForm = form{"culvert --show-gateway [ADDRESS]", map[string]int{"--show-gateway": 1, "--verb": 1}}

// showGateway shows where this host's packets leave it: those of no route of their own,
// or those to an address. It has OpenVPN's words, for programs that read them.
func showGateway(out io.Writer, args []string) error {
	given, err := showGatewayForm.read(args)
	if err != nil {
		return err
	}
	if to := given["--show-gateway"]; len(to) > 0 {
		a, err := netip.ParseAddr(to[0])
		if err != nil {
			return fmt.Errorf("--show-gateway %q: expected an IPv4 or IPv6 address", to[0])
		}
		w, ok := hostnet.Network{}.WayTo(a)
		return gatewayLine(out, a.Is6(), w, ok)
	}
	for _, six := range []bool{false, true} {
		w, ok := hostnet.Network{}.Default(six)
		if err := gatewayLine(out, six, w, ok); err != nil {
			return err
		}
	}
	return nil
}

func gatewayLine(out io.Writer, six bool, w hostnet.Way, ok bool) error {
	name := "ROUTE_GATEWAY"
	if six {
		name = "ROUTE6_GATEWAY"
	}
	text := " UNDEF"
	if ok {
		text = gatewayOf(w)
	}
	_, err := fmt.Fprintln(out, time.Now().Format(time.DateTime), name+text)
	return err
}

// gatewayOf is the next hop, its netmask with IPv4, and the adapter with its address.
func gatewayOf(w hostnet.Way) string {
	text := " ON_LINK"
	if w.Via.IsValid() {
		text = " " + w.Via.String()
	}
	i, err := net.InterfaceByName(w.Device)
	if err != nil {
		return text + " IFACE=" + w.Device
	}
	if mask := maskTo(i, w.Via); mask != "" {
		text += "/" + mask
	}
	text += " IFACE=" + w.Device
	if len(i.HardwareAddr) > 0 && !w.Via.Is6() {
		text += " HWADDR=" + i.HardwareAddr.String()
	}
	return text
}

// maskTo is the netmask of the network that an adapter reaches an IPv4 address in.
func maskTo(i *net.Interface, a netip.Addr) string {
	addresses, err := i.Addrs()
	if err != nil || !a.Is4() {
		return ""
	}
	for _, has := range addresses {
		if n, ok := has.(*net.IPNet); ok && n.Contains(a.AsSlice()) {
			return net.IP(n.Mask).String()
		}
	}
	return ""
}

// showNet lists the adapters with their addresses, and the ways out.
func showNet(out io.Writer, args []string) error {
	if err := showAdapters(out, args); err != nil {
		return err
	}
	return showGateway(out, []string{"--show-gateway"})
}

// showAdapters lists this host's adapters.
func showAdapters(out io.Writer, _ []string) error {
	all, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("this host's adapters: %w", err)
	}
	for _, i := range all {
		fmt.Fprintf(out, "%s: MTU %d, %s\n", i.Name, i.MTU, i.Flags)
		addresses, err := i.Addrs()
		if err != nil {
			continue // it went away
		}
		for _, a := range addresses {
			if _, err := fmt.Fprintln(out, "   ", a); err != nil {
				return err
			}
		}
	}
	return nil
}

// showValidSubnets lists the last bytes of the pairs of addresses that topology net30
// gives out: the two in the middle of four.
func showValidSubnets(out io.Writer, _ []string) error {
	fmt.Fprint(out, "The pairs of addresses that topology net30 gives out, by their last numbers:\n")
	const inLine = 8
	for i := 0; i < 256; i += 4 {
		if i/4%inLine == 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "[%3d,%3d] ", i+1, i+2)
	}
	_, err := fmt.Fprintln(out)
	return err
}
