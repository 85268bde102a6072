package trace

import (
	"fmt"
	"net"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"culvert/operate/manage/filter"
)

// summary is a line about a packet of which there are the first bytes; "" if
// it is none.
func summary(head []byte, link filter.Link) string {
	if len(head) == 0 {
		return ""
	}
	first := layers.LayerTypeIPv4
	switch {
	case link == filter.Ethernet:
		first = layers.LayerTypeEthernet
	case head[0]>>4 == 6:
		first = layers.LayerTypeIPv6
	}
	p := gopacket.NewPacket(head, first, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	if n := p.NetworkLayer(); n != nil {
		src, dst := n.NetworkFlow().Endpoints()
		if t := p.TransportLayer(); t != nil {
			from, to := t.TransportFlow().Endpoints()
			return fmt.Sprintf("%s → %s %v", net.JoinHostPort(src.String(), from.String()), net.JoinHostPort(dst.String(), to.String()), t.LayerType())
		}
		return fmt.Sprintf("%v → %v %s", src, dst, message(p))
	}
	if l := p.LinkLayer(); l != nil {
		src, dst := l.LinkFlow().Endpoints()
		return fmt.Sprintf("%v → %v %s", src, dst, message(p))
	}
	return ""
}

// message is what a packet without ports is.
func message(p gopacket.Packet) string {
	switch l := p.Layer(layers.LayerTypeICMPv4).(type) {
	case *layers.ICMPv4:
		return fmt.Sprintf("ICMP %v", l.TypeCode)
	}
	switch l := p.Layer(layers.LayerTypeICMPv6).(type) {
	case *layers.ICMPv6:
		return fmt.Sprintf("ICMPv6 %v", l.TypeCode)
	}
	all := p.Layers()
	for i := len(all) - 1; i >= 0; i-- {
		if t := all[i].LayerType(); t != gopacket.LayerTypePayload && t != gopacket.LayerTypeDecodeFailure && t != gopacket.LayerTypeFragment {
			return t.String()
		}
	}
	return ""
}
