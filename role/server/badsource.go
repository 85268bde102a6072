package server

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"culvert/internal/printable"
)

// BadSource is a client that sends from an inner address that is not leased to it, for
// a reason. Once a session for each reason.
type BadSource struct {
	About
	Source     netip.Addr
	IPv4, IPv6 netip.Addr // that are leased to it
	Reason     SourceReason
	Owner      string // with SourceTaken: whom the address belongs to
}

// SourceReason is why a client sends from an address that is not leased to it.
type SourceReason int

const (
	// SourceOwn: the packet was made by the client itself, with an address that it has
	// outside of the tunnel.
	SourceOwn SourceReason = iota
	// SourceBehind: the client has forwarded the packet for another host, and no iroute
	// says that its network is there.
	SourceBehind
	// SourceTaken: the address belongs to another client.
	SourceTaken
)

// Text says what it is, and what to do.
func (e BadSource) Text() string {
	switch e.Reason {
	case SourceBehind:
		return fmt.Sprintf("it forwards packets of a network behind it that no iroute leads to: if they are to pass, write `%s` into the client's file of client-config-dir, or have the client translate them to its own address (masquerade)", irouteFor(e.Source))
	case SourceTaken:
		return "that address belongs to " + printable.Name(e.Owner) + ": two clients were given the same address, or one poses as the other"
	}
	return "it is an address that the client itself has outside of the tunnel, such as a phone's: harmless, programs there keep to the address that they began with"
}

func (e BadSource) log(l *slog.Logger) {
	l.Warn("packets from a source address that is not leased to the client are dropped (bad source address): "+e.Text(),
		"client", e.Name, "source", e.Source, "leased", e.IPv4, "leased6", e.IPv6)
}

// irouteFor is the line that lets the network of an address in, of the usual size.
func irouteFor(a netip.Addr) string {
	if a.Is4() {
		return fmt.Sprintf("iroute %v 255.255.255.0", netip.PrefixFrom(a, 24).Masked().Addr())
	}
	return fmt.Sprintf("iroute-ipv6 %v", netip.PrefixFrom(a, 64).Masked())
}

// badSource reports, once per client and reason, that it sends from an address that is
// not leased to it. Addresses that every host uses before it has one of its own are not
// reported.
func (r traffic) badSource(c *client, src netip.Addr, packet []byte) {
	if src.IsLinkLocalUnicast() || src.IsUnspecified() {
		return
	}
	e := BadSource{Source: src, IPv4: c.lease.IPv4, IPv6: c.lease.IPv6}
	switch owner := r.table.route(src); {
	case owner != nil:
		e.Reason, e.Owner = SourceTaken, owner.PeerName()
	case forwarded(packet):
		e.Reason = SourceBehind
	}
	if bit := uint32(1) << e.Reason; c.warnedSource.Load()&bit != 0 || c.warnedSource.Or(bit)&bit != 0 {
		return
	}
	e.About = c.about(time.Now())
	r.report(e)
}

// forwarded reports whether an IP packet seems to have passed a router: its hop limit
// is none that hosts begin with. What is sent to a group stays on its network.
func forwarded(packet []byte) bool {
	const v4Len, v6Len = 20, 40
	var hops uint8
	var group bool
	switch {
	case len(packet) >= v4Len && packet[0]>>4 == 4:
		hops, group = packet[8], packet[16]>>4 == 0xe || binary.BigEndian.Uint32(packet[16:]) == 1<<32-1
	case len(packet) >= v6Len && packet[0]>>4 == 6:
		hops, group = packet[7], packet[24] == 0xff
	default:
		return false
	}
	switch hops {
	case 255, 128, 64, 32:
		return false
	}
	return !group
}
