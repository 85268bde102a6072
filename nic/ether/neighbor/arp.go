package neighbor

import (
	"encoding/binary"
	"net/netip"

	"culvert/nic/frame"
)

// Operations of ARP (IANA, ARP Parameters).
const (
	OpRequest = 1
	OpReply   = 2
)

// ARP is a packet of the Address Resolution Protocol, for IPv4 on Ethernet.
type ARP struct {
	Op        uint16
	SenderMAC frame.MAC
	Sender    netip.Addr
	TargetMAC frame.MAC
	Target    netip.Addr
}

// arpLen is the length without the padding of a short frame.
const arpLen = 28

// arpStart says Ethernet, IPv4, and the lengths of their addresses.
var arpStart = [6]byte{0, 1, 8, 0, 6, 4}

// ParseARP reads the payload of an Ethernet frame of type frame.TypeARP.
func ParseARP(b []byte) (a ARP, ok bool) {
	if len(b) < arpLen || [6]byte(b) != arpStart {
		return a, false
	}
	return ARP{
		Op:        binary.BigEndian.Uint16(b[6:]),
		SenderMAC: frame.MAC(b[8:]), Sender: netip.AddrFrom4([4]byte(b[14:])),
		TargetMAC: frame.MAC(b[18:]), Target: netip.AddrFrom4([4]byte(b[24:])),
	}, true
}

// Append adds the packet to b. Both addresses must be IPv4.
func (a ARP) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(append(b, arpStart[:]...), a.Op)
	sender, target := a.Sender.As4(), a.Target.As4()
	b = append(append(b, a.SenderMAC[:]...), sender[:]...)
	return append(append(b, a.TargetMAC[:]...), target[:]...)
}

// IsProbe reports whether a is a conflict probe (RFC 5227 section 2.1.1): the
// sender asks whether anybody uses Target, because it wants to.
func (a ARP) IsProbe() bool { return a.Op == OpRequest && a.Sender.IsUnspecified() }

// IsAnnouncement reports whether a is a gratuitous packet (RFC 5227 section 2.3):
// it says that the sender uses the address, and asks nothing.
func (a ARP) IsAnnouncement() bool { return a.Sender == a.Target }

// Answer appends the frame that answers a, if a asks for an address that who knows.
func (a ARP) Answer(b []byte, who Who) ([]byte, bool) {
	if a.Op != OpRequest || a.IsAnnouncement() || a.Target.IsUnspecified() {
		return b, false
	}
	holder, ok := who(a.Target)
	if !ok {
		return b, false
	}
	b = frame.Header{Dst: a.SenderMAC, Src: holder.MAC, Type: frame.TypeARP}.Append(b)
	return ARP{Op: OpReply, SenderMAC: holder.MAC, Sender: a.Target, TargetMAC: a.SenderMAC, Target: a.Sender}.Append(b), true
}
