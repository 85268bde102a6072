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

// answerer is everybody on the segment but the host: a machine without I/O that
// takes the host's questions and the time, and returns frames.
type answerer struct {
	*segment
	network Network
	// former is what the host may still have the IPv4 address of. Its gateway
	// and server are answered for until the host has asked for the new one.
	former  IPv4
	router  router
	counts  *Counters
	log     *slog.Logger
	leased  netip.Addr // last told to the log
	omitted bool       // told to the log
}

// update makes the segment another one and returns what the host is to be told
// at once.
func (a *answerer) update(now time.Time, n Network) [][]byte {
	was := a.network
	if a.network = n; was.IPv4.Address != n.IPv4.Address && n.DHCP {
		a.former = was.IPv4
	}
	a.omitted = false
	for _, what := range n.Unsaid {
		a.log.Warn("DHCP cannot tell this host " + what)
	}
	a.router.changed(now, n, was.IPv6.Address.Masked())
	return a.tick(now)
}

// next is when tick has something to say; zero: never.
func (a *answerer) next() time.Time { return a.router.next }

// tick says what is due.
func (a *answerer) tick(now time.Time) [][]byte {
	if !a.router.due(now, a.network) {
		return nil
	}
	return a.advertise(netip.Addr{}, frame.MAC{})
}

func (a *answerer) advertise(to netip.Addr, host frame.MAC) [][]byte {
	b, err := a.router.advertise(a.network, a.macs.Load().gateway, to, host)
	if err != nil {
		a.log.Warn("the adapter's host is told nothing of IPv6", "error", err)
		return nil
	}
	return [][]byte{b}
}

// ask takes a question that sort found and returns the frames that answer it.
func (a *answerer) ask(k kind, packet []byte) [][]byte {
	var answer []byte
	count, answered := Unanswered, false
	switch k {
	case askARP:
		answer, count, answered = a.arp(packet)
	case askND:
		return a.neighbour(packet)
	case askDHCP4:
		answer, count, answered = a.dhcp4(packet)
	case askDHCP6:
		answer, count, answered = a.dhcp6(packet)
	}
	a.counts[count].Add(1)
	if !answered {
		return nil
	}
	return [][]byte{answer}
}

func (a *answerer) arp(packet []byte) ([]byte, Count, bool) {
	q, ok := neighbor.ParseARP(packet)
	if !ok || q.SenderMAC != a.macs.Load().adapter {
		return nil, BadARP, false
	}
	answer, ok := q.Answer(nil, a.who)
	if !ok {
		return nil, Unanswered, false
	}
	return answer, AnsweredARP, true
}

// neighbour is both of neighbours and routers.
func (a *answerer) neighbour(packet []byte) (answer [][]byte) {
	nd, ok := neighbor.ParseND(packet)
	if !ok {
		a.counts[BadND].Add(1)
		return nil
	}
	if _, router := nd.Message.(*ndp.RouterSolicitation); router && a.network.IPv6.Address.IsValid() {
		answer = a.advertise(nd.Src, a.macs.Load().adapter)
	} else if b, ok := nd.Answer(nil, a.macs.Load().adapter, a.who); ok {
		answer = [][]byte{b}
	}
	if answer == nil {
		a.counts[Unanswered].Add(1)
		return nil
	}
	a.counts[AnsweredND].Add(1)
	return answer
}

// who is the phantom gateway for every address of the network but the
// adapter's own, the one that the host may have had before included.
func (a *answerer) who(addr netip.Addr) (neighbor.Station, bool) {
	if addr.Is4() {
		own := addr == a.network.IPv4.Address.Addr() || addr == a.former.Address.Addr()
		former := addr == a.former.Server || addr == a.former.Gateway
		return neighbor.Station{MAC: a.macs.Load().gateway}, !own && (former || a.network.IPv4.holds(addr))
	}
	router := addr == GatewayIPv6
	return neighbor.Station{MAC: a.macs.Load().gateway, Router: router}, router && a.network.IPv6.Address.IsValid() || a.network.IPv6.holds(addr)
}

func (a *answerer) dhcp4(packet []byte) ([]byte, Count, bool) {
	d, ok := datagram.Parse(packet)
	if !ok {
		return nil, BadDHCP, false
	}
	if !a.network.DHCP {
		return nil, Unanswered, false
	}
	reply, outcome, err := a.network.lease4().Answer(d.Payload, a.macs.Load().adapter, d.Dst.Addr())
	if err != nil {
		a.log.Debug("DHCP from the adapter's host", "error", err)
		return nil, BadDHCP, false
	}
	a.report("DHCP", outcome, a.network.IPv4.Address.Addr())
	if outcome == dhcp.Leased {
		a.former = IPv4{}
	}
	a.reportOmitted(reply.Omitted)
	if reply.Message == nil {
		return nil, Unanswered, false
	}
	to := a.macs.Load().adapter
	if reply.Broadcast {
		to = frame.Broadcast
	}
	answer := datagram.Datagram{Src: netip.AddrPortFrom(reply.From, portDHCPServer), Dst: netip.AddrPortFrom(reply.To, portDHCPClient), Payload: reply.Message}
	return answer.Append(nil, a.macs.Load().gateway, to), AnsweredDHCP, true
}

func (a *answerer) dhcp6(packet []byte) ([]byte, Count, bool) {
	d, ok := datagram.Parse(packet)
	if !ok || !d.Src.Addr().IsLinkLocalUnicast() || !d.Dst.Addr().IsMulticast() {
		return nil, BadDHCP, false
	}
	if !a.network.DHCP {
		return nil, Unanswered, false
	}
	n := a.network
	l := dhcp.Lease6{Address: n.IPv6.Address.Addr(), Server: a.macs.Load().gateway, Time: n.Lease, DNS: n.DNS, Search: n.Search, NTP: n.NTP}
	reply, outcome, err := l.Answer(d.Payload)
	if err != nil {
		a.log.Debug("DHCPv6 from the adapter's host", "error", err)
		return nil, BadDHCP, false
	}
	a.report("DHCPv6", outcome, l.Address)
	if reply == nil {
		return nil, Unanswered, false
	}
	answer := datagram.Datagram{Src: netip.AddrPortFrom(GatewayIPv6, portDHCPv6Server), Dst: d.Src, Payload: reply}
	return answer.Append(nil, a.macs.Load().gateway, a.macs.Load().adapter), AnsweredDHCPv6, true
}

// report tells the log what the host's client made of its address.
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
	default:
		a.log.Debug(protocol+": "+string(outcome), "address", addr)
	}
}

func (a *answerer) reportOmitted(omitted []uint8) {
	if len(omitted) > 0 && !a.omitted {
		a.omitted = true
		a.log.Warn("DHCP: this host's client has no room for all that was pushed; left out are the options", "numbers", omitted)
	}
}
