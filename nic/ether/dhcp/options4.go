package dhcp

import (
	"math"
	"net"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// fill adds what is pushed to a reply, as far as the client has room. It returns
// the message and the numbers of the options left out.
func (l Lease4) fill(reply, request *dhcpv4.DHCPv4) (message []byte, omitted []uint8) {
	for _, o := range l.options() {
		reply.UpdateOption(o)
	}
	most := l.room(request)
	for _, code := range expendable {
		if message = reply.ToBytes(); len(message) <= most {
			return message, omitted
		}
		if reply.Options.Has(code) {
			reply.DeleteOption(code)
			omitted = append(omitted, code.Code())
		}
	}
	return reply.ToBytes(), omitted
}

// unasked reports whether routes are pushed and the client says what it wants, but
// does not ask for routes.
func (l Lease4) unasked(request *dhcpv4.DHCPv4) bool {
	specific := func(r Route) bool { return r.Via.IsValid() && r.Dst.Bits() > 1 }
	return request.Options.Has(dhcpv4.OptionParameterRequestList) && slices.ContainsFunc(l.Routes, specific) &&
		!request.IsOptionRequested(dhcpv4.OptionClasslessStaticRoute)
}

// expendable are the options that go first when there is no room for all.
var expendable = []dhcpv4.OptionCode{
	dhcpv4.OptionNetBIOSOverTCPIPScope, dhcpv4.OptionNetBIOSOverTCPIPDatagramDistributionServer, dhcpv4.OptionNetBIOSOverTCPIPNodeType,
	dhcpv4.OptionNetBIOSOverTCPIPNameServer, dhcpv4.OptionNTPServers, dhcpv4.OptionDNSDomainSearchList,
	dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionDomainName, dhcpv4.OptionDomainNameServer,
}

// room returns how long a message the client takes: what it says itself, but never
// less than RFC 2131 section 2 asks of it. A client that says nothing is sent what
// fits the MTU: nothing between here and the client is smaller, and leaving out
// routes would be a silent loss.
func (l Lease4) room(request *dhcpv4.DHCPv4) int {
	const headers, least = 28, 576
	most := max(l.MTU, least)
	if size, err := request.MaxMessageSize(); err == nil {
		most = min(most, max(int(size), least))
	}
	return most - headers
}

// options returns everything that is pushed except the address.
func (l Lease4) options() []dhcpv4.Option {
	list := []dhcpv4.Option{dhcpv4.OptSubnetMask(net.CIDRMask(l.Address.Bits(), 32))}
	if l.Router.IsValid() {
		list = append(list, dhcpv4.OptRouter(l.Router.AsSlice()))
	}
	if len(l.Routes) > 0 {
		list = append(list, dhcpv4.OptClasslessStaticRoute(routes(l.Routes)...))
	}
	if 0 < l.MTU && l.MTU <= math.MaxUint16 {
		list = append(list, dhcpv4.Option{Code: dhcpv4.OptionInterfaceMTU, Value: dhcpv4.Uint16(l.MTU)})
	}
	for _, addrs := range []struct {
		code dhcpv4.OptionCode
		list []netip.Addr
	}{
		{dhcpv4.OptionDomainNameServer, l.DNS},
		{dhcpv4.OptionNTPServers, l.NTP},
		{dhcpv4.OptionNetBIOSOverTCPIPNameServer, l.NetBIOS.Names},
		{dhcpv4.OptionNetBIOSOverTCPIPDatagramDistributionServer, l.NetBIOS.Distributions},
	} {
		if v4 := ips(addrs.list, true); len(v4) > 0 {
			list = append(list, dhcpv4.Option{Code: addrs.code, Value: dhcpv4.IPs(v4)})
		}
	}
	if l.Domain != "" {
		list = append(list, dhcpv4.OptDomainName(l.Domain))
	}
	if names := labels(l.Search); names != nil {
		list = append(list, dhcpv4.OptDomainSearch(names))
	}
	return append(list, l.NetBIOS.options()...)
}

// disableNetBIOS is Microsoft's vendor option 1 with value 2 ([MS-DHCPE]
// section 2.2.2.1).
var disableNetBIOS = []byte{1, 4, 0, 0, 0, 2}

func (n NetBIOS) options() (list []dhcpv4.Option) {
	if n.NodeType != 0 {
		list = append(list, dhcpv4.OptGeneric(dhcpv4.OptionNetBIOSOverTCPIPNodeType, []byte{n.NodeType}))
	}
	if n.Scope != "" {
		list = append(list, dhcpv4.OptGeneric(dhcpv4.OptionNetBIOSOverTCPIPScope, []byte(n.Scope)))
	}
	if n.Disable {
		list = append(list, dhcpv4.OptGeneric(dhcpv4.OptionVendorSpecificInformation, disableNetBIOS))
	}
	return list
}

func routes(list []Route) (all []*dhcpv4.Route) {
	for _, r := range list {
		via := r.Via
		if !via.IsValid() {
			via = netip.IPv4Unspecified()
		}
		all = append(all, &dhcpv4.Route{
			Dest:   &net.IPNet{IP: r.Dst.Masked().Addr().AsSlice(), Mask: net.CIDRMask(r.Dst.Bits(), 32)},
			Router: via.AsSlice(),
		})
	}
	return all
}
