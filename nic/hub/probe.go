package hub

import (
	"encoding/binary"

	"culvert/nic/frame"
)

// A hub finds loops as switches do, by frames of the Configuration Testing Protocol
// (Ethernet 2.0, chapter 8). It sends one out of every port, to a group that only
// testers listen to. If one comes back, there is a loop.
const typeLoopback = 0x9000

var loopbackAssistance = frame.MAC{0xcf}

const (
	functionReply = 1 // dropped by a station that did not ask
	proofLen      = 16
	probeLen      = 2 + 2 + 2 + 8 + 4 + 4 + 2 + proofLen
	minFrame      = 60 // bytes of a frame without its check sequence
)

// probe is a loopback frame's payload: skip count 0, function Reply, a receipt
// number, and as data who sent it, when and where.
type probe struct {
	hub   uint64 // which hub sent it
	round uint32 // when
	port  uint32 // by which port
	vlan  uint16 // in which VLAN
	// proof shows that the hub made the probe. So a probe that comes back is a
	// replay from an earlier round, or has come through a loop.
	proof [proofLen]byte
}

// Append adds the payload to b. The protocol's numbers are little-endian.
func (p probe) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint16(b, functionReply)
	b = binary.LittleEndian.AppendUint16(b, uint16(p.round))
	b = binary.LittleEndian.AppendUint64(b, p.hub)
	b = binary.LittleEndian.AppendUint32(b, p.round)
	b = binary.LittleEndian.AppendUint32(b, p.port)
	b = binary.LittleEndian.AppendUint16(b, p.vlan)
	return append(b, p.proof[:]...)
}

// parseProbe reads a payload, which may have padding. ok is false if it is not a
// probe.
func parseProbe(b []byte) (p probe, ok bool) {
	if len(b) < probeLen || binary.LittleEndian.Uint16(b) != 0 || binary.LittleEndian.Uint16(b[2:]) != functionReply {
		return p, false
	}
	p.hub = binary.LittleEndian.Uint64(b[6:])
	p.round = binary.LittleEndian.Uint32(b[14:])
	p.port = binary.LittleEndian.Uint32(b[18:])
	p.vlan = binary.LittleEndian.Uint16(b[22:])
	copy(p.proof[:], b[24:])
	return p, binary.LittleEndian.Uint16(b[4:]) == uint16(p.round)
}
