package dhcp

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"culvert/nic/frame"
)

// Lease4 holds what the client is told for IPv4. The zero value serves nothing.
type Lease4 struct {
	Address netip.Prefix // and mask
	Server  netip.Addr   // the server's own address
	Time    time.Duration
	Router  netip.Addr // the default route's; not valid: none
	Routes  []Route    // classless static routes (RFC 3442)
	MTU     int
	DNS     []netip.Addr
	Domain  string
	Search  []string // RFC 3397
	NTP     []netip.Addr
	NetBIOS NetBIOS
}

// Route is one classless static route.
type Route struct {
	Dst netip.Prefix
	Via netip.Addr // not valid: on the segment itself
}

// NetBIOS holds the NetBIOS values of `dhcp-option` (RFC 2132 section 8.5 to 8.8).
type NetBIOS struct {
	Names         []netip.Addr // WINS
	Distributions []netip.Addr // NBDD
	NodeType      uint8        // NBT; 0: not given
	Scope         string       // NBS
	Disable       bool         // DISABLE-NBT, which Windows understands
}

// Reply4 is an answer and its way: from the server's port to the client's.
type Reply4 struct {
	Message []byte
	From    netip.Addr
	// Broadcast and To say where it goes: to all, to one address, or both.
	Broadcast bool
	To        netip.Addr // not valid: to none
	// Omitted are the numbers of the options for which the client has no room.
	Omitted []uint8
	// RoutesUnasked reports that there are Routes apart from a default one, and
	// that the client did not ask for them (option 121).
	RoutesUnasked bool
}

// Answer reads a message that the client sent to an address, and answers it.
// Reply4.Message is nil if there is nothing to say.
func (l Lease4) Answer(message []byte, sentTo netip.Addr) (Reply4, Outcome, error) {
	m, err := dhcpv4.FromBytes(message)
	if err != nil {
		return Reply4{}, Ignored, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := check4(m); err != nil {
		return Reply4{}, Ignored, err
	}
	server := addr4(m.ServerIdentifier())
	if !l.Address.IsValid() || server.IsValid() && server != l.Server {
		return Reply4{}, Ignored, nil // nothing to serve, or it means another server
	}
	switch m.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		return l.grant(m, dhcpv4.MessageTypeOffer), Offered, nil
	case dhcpv4.MessageTypeRequest:
		reply, outcome := l.request(m, sentTo)
		return reply, outcome, nil
	case dhcpv4.MessageTypeInform:
		return l.inform(m)
	case dhcpv4.MessageTypeRelease:
		return Reply4{}, Released, nil
	case dhcpv4.MessageTypeDecline:
		return Reply4{}, Declined, nil
	}
	return Reply4{}, Ignored, fmt.Errorf("%w: a client sends no %v", ErrMalformed, m.MessageType())
}

// check4 refuses what is not a question from a client on this segment. It does not
// check the MAC address in the message: a client that began before its device was
// given another MAC, as NetworkManager may before udev, keeps using the first.
func check4(m *dhcpv4.DHCPv4) error {
	switch {
	case m.OpCode != dhcpv4.OpcodeBootRequest:
		return fmt.Errorf("%w: no request", ErrMalformed)
	case m.HWType != iana.HWTypeEthernet || len(m.ClientHWAddr) != len(frame.MAC{}):
		return fmt.Errorf("%w: for a client at %v of type %v", ErrMalformed, m.ClientHWAddr, m.HWType)
	case !m.GatewayIPAddr.IsUnspecified():
		return fmt.Errorf("%w: by a relay", ErrMalformed)
	}
	return nil
}

// request answers DHCPREQUEST in each of the client's states (RFC 2131 section
// 4.3.2, table 4).
func (l Lease4) request(m *dhcpv4.DHCPv4, sentTo netip.Addr) (Reply4, Outcome) {
	wanted := addr4(m.RequestedIPAddress())
	if !wanted.IsValid() { // renewing or rebinding
		wanted = addr4(m.ClientIPAddr)
	}
	if wanted != l.Address.Addr() {
		return l.refuse(m, sentTo), Refused
	}
	return l.grant(m, dhcpv4.MessageTypeAck), Leased
}

// refuse makes the client start over. The refusal comes from the server that was
// asked, which is a former one if the client renews what was pushed before. It is
// broadcast (RFC 2131 section 4.3.2), and also goes to the address that the client
// still has: many clients bind their socket to that address, and get no broadcast.
func (l Lease4) refuse(m *dhcpv4.DHCPv4, sentTo netip.Addr) Reply4 {
	from := l.Server
	if sentTo.Is4() && !sentTo.IsMulticast() && sentTo != broadcast4 {
		from = sentTo
	}
	reply := answer4(m, dhcpv4.MessageTypeNak, from)
	return Reply4{Message: reply.ToBytes(), From: from, Broadcast: true, To: addr4(m.ClientIPAddr)}
}

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// grant offers or leases the address.
func (l Lease4) grant(m *dhcpv4.DHCPv4, kind dhcpv4.MessageType) Reply4 {
	reply := answer4(m, kind, l.Server)
	reply.YourIPAddr = l.Address.Addr().AsSlice()
	t1, t2 := times(l.Time)
	reply.UpdateOption(dhcpv4.OptIPAddressLeaseTime(l.Time))
	reply.UpdateOption(dhcpv4.OptRenewTimeValue(t1))
	reply.UpdateOption(dhcpv4.OptRebindingTimeValue(t2))
	r := Reply4{From: l.Server, To: l.Address.Addr()}
	if kind == dhcpv4.MessageTypeAck && !m.ClientIPAddr.IsUnspecified() {
		reply.ClientIPAddr = m.ClientIPAddr
	} else if m.IsBroadcast() {
		r.To, r.Broadcast = netip.Addr{}, true // it receives nothing else yet
	}
	r.Message, r.Omitted = l.fill(reply, m)
	r.RoutesUnasked = l.unasked(m)
	return r
}

// inform answers a client that has its address from elsewhere.
func (l Lease4) inform(m *dhcpv4.DHCPv4) (Reply4, Outcome, error) {
	client := addr4(m.ClientIPAddr)
	if !client.IsValid() {
		return Reply4{}, Ignored, fmt.Errorf("%w: DHCPINFORM without an address", ErrMalformed)
	}
	reply := answer4(m, dhcpv4.MessageTypeAck, l.Server)
	reply.ClientIPAddr = m.ClientIPAddr
	r := Reply4{From: l.Server, To: client}
	r.Message, r.Omitted = l.fill(reply, m)
	r.RoutesUnasked = l.unasked(m)
	return r, Informed, nil
}

// answer4 makes an empty answer (RFC 2131 table 3, RFC 6842).
func answer4(m *dhcpv4.DHCPv4, kind dhcpv4.MessageType, server netip.Addr) *dhcpv4.DHCPv4 {
	reply := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootReply, HWType: m.HWType, TransactionID: m.TransactionID, Flags: m.Flags,
		ClientHWAddr: m.ClientHWAddr, Options: dhcpv4.Options{},
	}
	reply.UpdateOption(dhcpv4.OptMessageType(kind))
	reply.UpdateOption(dhcpv4.OptServerIdentifier(server.AsSlice()))
	if id := m.Options.Get(dhcpv4.OptionClientIdentifier); id != nil {
		reply.UpdateOption(dhcpv4.OptClientIdentifier(id))
	}
	return reply
}

// addr4 returns an invalid address if none was given, or if it is all zero.
func addr4(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip.To4())
	if a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}
