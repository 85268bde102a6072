package ether

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/mdlayher/ndp"

	"culvert/nic/ether/datagram"
	"culvert/nic/ether/dhcp"
	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

// answerer plays everybody on the segment except the host. It is a machine without
// I/O: it takes the host's questions and the time, and returns frames.
type answerer struct {
	*framer
	network Network
	// former is the network that the host may still have its IPv4 address from. Its
	// gateway and server are answered for until the host has asked for the new one.
	former IPv4
	router router
	counts *Counters
	log    *slog.Logger
	leased netip.Addr // last logged
	told   remarks
}

// remarks are what was logged about the present network.
type remarks struct{ omitted, unasked, unavailable bool }

// update changes the network, and returns what the host must be told at once.
func (a *answerer) update(now time.Time, n Network) [][]byte {
	was := a.network
	if a.network = n; was.IPv4.Address != n.IPv4.Address && n.DHCP {
		a.former = was.IPv4
	}
	a.told = remarks{}
	for _, what := range n.Unsaid {
		a.log.Warn("DHCP cannot tell this host " + what)
	}
	a.router.changed(now, n, was)
	return a.tick(now)
}

// next returns when tick is due; zero means never.
func (a *answerer) next() time.Time { return a.router.next }

// tick returns the frames that are due.
func (a *answerer) tick(now time.Time) [][]byte {
	if !a.router.due(now, a.network) {
		return nil
	}
	return a.advertise(netip.Addr{}, frame.MAC{})
}

func (a *answerer) advertise(to netip.Addr, host frame.MAC) [][]byte {
	b, err := a.router.advertise(a.network, a.macs.Load().gateway, to, host)
	if err != nil {
		a.log.Warn("no router advertisement is sent to this host", "error", err)
		return nil
	}
	return [][]byte{b}
}

// ask takes a question that sort found, and returns the frames that answer it.
func (a *answerer) ask(k kind, packet []byte) [][]byte {
	var answer [][]byte
	count := Unanswered
	switch k {
	case askARP:
		answer, count = a.arp(packet)
	case askND:
		answer, count = a.neighbour(packet)
	case askDHCP4:
		answer, count = a.dhcp4(packet)
	case askDHCP6:
		answer, count = a.dhcp6(packet)
	}
	a.counts.Add(count)
	return answer
}

func (a *answerer) arp(packet []byte) ([][]byte, Count) {
	q, ok := neighbor.ParseARP(packet)
	if !ok || !a.macs.Load().host(q.SenderMAC) {
		return nil, BadARP
	}
	answer, ok := q.Answer(nil, a.who)
	if !ok {
		return nil, Unanswered
	}
	return [][]byte{answer}, AnsweredARP
}

// neighbour answers neighbour and router solicitations.
func (a *answerer) neighbour(packet []byte) (answer [][]byte, count Count) {
	nd, ok := neighbor.ParseND(packet)
	if !ok {
		return nil, BadND
	}
	if _, router := nd.Message.(*ndp.RouterSolicitation); router && a.network.IPv6.Address.IsValid() {
		answer = a.advertise(nd.Src, a.macs.Load().adapter)
	} else if b, ok := nd.Answer(nil, a.macs.Load().adapter, a.who); ok {
		answer = [][]byte{b}
	}
	if answer == nil {
		return nil, Unanswered
	}
	return answer, AnsweredND
}

// who names the phantom gateway as the holder of every address of the network
// except the adapter's own, now or before, and of the servers that the host was
// told about.
func (a *answerer) who(addr netip.Addr) (neighbor.Holder, bool) {
	gateway := neighbor.Holder{MAC: a.macs.Load().gateway, Router: addr == GatewayIPv6}
	if addr.Is4() {
		own := addr == a.network.IPv4.Address.Addr() || addr == a.former.Address.Addr()
		former := addr == a.former.Server || addr == a.former.Gateway
		here := a.network.IPv4.holds(addr) || a.network.IPv4.Address.IsValid() && a.network.beside(addr)
		return gateway, !own && (former || here)
	}
	six := a.network.IPv6
	return gateway, six.holds(addr) || six.Address.IsValid() && addr != six.Address.Addr() && (gateway.Router || a.network.beside(addr))
}

func (a *answerer) dhcp4(packet []byte) (answer [][]byte, count Count) {
	d, ok := datagram.Parse(packet)
	if !ok {
		return nil, BadDHCP
	}
	if !a.network.DHCP {
		return nil, Unanswered
	}
	reply, outcome, err := a.network.lease4().Answer(d.Payload, d.Dst.Addr())
	if err != nil {
		a.log.Debug("DHCP from the adapter's host", "error", err)
		return nil, BadDHCP
	}
	a.report("DHCP", outcome, a.network.IPv4.Address.Addr())
	if outcome == dhcp.Leased {
		a.former = IPv4{}
	}
	a.reportLost(reply)
	if reply.Message == nil {
		return nil, Unanswered
	}
	if reply.Broadcast {
		answer = append(answer, a.fromServer(reply, broadcast4, frame.Broadcast))
	}
	if reply.To.IsValid() {
		answer = append(answer, a.fromServer(reply, reply.To, a.macs.Load().adapter))
	}
	return answer, AnsweredDHCP
}

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func (a *answerer) fromServer(reply dhcp.Reply4, to netip.Addr, mac frame.MAC) []byte {
	d := datagram.Datagram{Src: netip.AddrPortFrom(reply.From, portDHCPServer), Dst: netip.AddrPortFrom(to, portDHCPClient), Payload: reply.Message}
	return d.Append(nil, a.macs.Load().gateway, mac)
}

func (a *answerer) dhcp6(packet []byte) ([][]byte, Count) {
	d, ok := datagram.Parse(packet)
	if !ok || !d.Src.Addr().IsLinkLocalUnicast() || !d.Dst.Addr().IsMulticast() {
		return nil, BadDHCP
	}
	if !a.network.DHCP {
		return nil, Unanswered
	}
	n := a.network
	l := dhcp.Lease6{Address: n.IPv6.Address.Addr(), Server: a.macs.Load().gateway, Time: n.Lease, DNS: n.DNS, Search: n.Search, NTP: n.NTP}
	reply, outcome, err := l.Answer(d.Payload)
	if err != nil {
		a.log.Debug("DHCPv6 from the adapter's host", "error", err)
		return nil, BadDHCP
	}
	a.report("DHCPv6", outcome, l.Address)
	if reply == nil {
		return nil, Unanswered
	}
	answer := datagram.Datagram{Src: netip.AddrPortFrom(GatewayIPv6, portDHCPv6Server), Dst: d.Src, Payload: reply}
	return [][]byte{answer.Append(nil, a.macs.Load().gateway, a.macs.Load().adapter)}, AnsweredDHCPv6
}

// report logs what the host's client did with its address.
func (a *answerer) report(protocol string, outcome dhcp.Outcome, addr netip.Addr) {
	switch outcome {
	case dhcp.Leased:
		tell := a.log.Debug // a renewal
		if addr.Is4() && addr != a.leased {
			tell, a.leased = a.log.Info, addr
		}
		tell(protocol+": this host took the address", "address", addr)
	case dhcp.Declined:
		a.log.Warn(protocol+": this host says that the address is in use already; look for it on another adapter", "address", addr)
	case dhcp.Refused:
		a.log.Info(protocol+": this host asked for another address than the one there is now", "address", addr)
	case dhcp.Unavailable:
		if !a.told.unavailable {
			a.told.unavailable = true
			a.log.Info(protocol + ": this host asks for a temporary address, or for a prefix to hand on, and is told that there is none: a tunnel has one address for it")
		}
	default:
		a.log.Debug(protocol+": "+string(outcome), "address", addr)
	}
}

// reportLost logs which parts of the push the host's DHCP client does not learn.
func (a *answerer) reportLost(reply dhcp.Reply4) {
	if len(reply.Omitted) > 0 && !a.told.omitted {
		a.told.omitted = true
		a.log.Warn("DHCP: this host's client has no room for all that was pushed; left out are the options", "numbers", reply.Omitted)
	}
	if reply.RoutesUnasked && !a.told.unasked {
		a.told.unasked = true
		a.log.Warn("DHCP: this host's client does not ask for routes, and will not set those that were pushed: have it ask for option 121 "+
			"(udhcpc: `-O staticroutes`, dhclient: rfc3442-classless-static-routes in `request`, dhcpcd: `option classless_static_routes`), "+
			"or write adapter ethernet static", "routes", a.network.IPv4.Routes)
	}
}
