// Package wire has the formats of the OpenVPN protocol as Append and Parse
// pairs: packet headers, control packets and the key exchange message.
// It knows no sockets, clock or keys. Sections are those of the OpenVPN wire
// protocol draft (openvpn-wire-protocol).
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Opcode is the packet type in the upper five bits of the first byte
// (draft, "Control Channel OPCODEs").
type Opcode uint8

// The opcodes in use. 1 and 2 belong to key method 1, which is gone.
const (
	PControlHardResetClientV1 Opcode = 1
	PControlHardResetServerV1 Opcode = 2
	PControlSoftResetV1       Opcode = 3
	PControlV1                Opcode = 4
	PAckV1                    Opcode = 5
	PDataV1                   Opcode = 6
	PControlHardResetClientV2 Opcode = 7
	PControlHardResetServerV2 Opcode = 8
	PDataV2                   Opcode = 9
	PControlHardResetClientV3 Opcode = 10
	PControlWKcV1             Opcode = 11
)

var opcodeNames = [...]string{
	PControlHardResetClientV1: "P_CONTROL_HARD_RESET_CLIENT_V1",
	PControlHardResetServerV1: "P_CONTROL_HARD_RESET_SERVER_V1",
	PControlSoftResetV1:       "P_CONTROL_SOFT_RESET_V1",
	PControlV1:                "P_CONTROL_V1",
	PAckV1:                    "P_ACK_V1",
	PDataV1:                   "P_DATA_V1",
	PControlHardResetClientV2: "P_CONTROL_HARD_RESET_CLIENT_V2",
	PControlHardResetServerV2: "P_CONTROL_HARD_RESET_SERVER_V2",
	PDataV2:                   "P_DATA_V2",
	PControlHardResetClientV3: "P_CONTROL_HARD_RESET_CLIENT_V3",
	PControlWKcV1:             "P_CONTROL_WKC_V1",
}

func (o Opcode) String() string {
	if int(o) < len(opcodeNames) && opcodeNames[o] != "" {
		return opcodeNames[o]
	}
	return fmt.Sprintf("opcode %d", uint8(o))
}

// IsData reports whether the packet belongs to the data channel.
func (o Opcode) IsData() bool { return o == PDataV1 || o == PDataV2 }

// IsControl reports whether the packet belongs to the control channel.
func (o Opcode) IsControl() bool {
	switch o {
	case PControlSoftResetV1, PControlV1, PAckV1, PControlWKcV1,
		PControlHardResetClientV2, PControlHardResetServerV2, PControlHardResetClientV3:
		return true
	}
	return false
}

// IsHardReset reports whether the packet opens a session.
func (o Opcode) IsHardReset() bool {
	switch o {
	case PControlHardResetClientV2, PControlHardResetServerV2, PControlHardResetClientV3:
		return true
	}
	return false
}

// HasWKc reports whether a wrapped client key follows the packet
// (tls-crypt-v2).
func (o Opcode) HasWKc() bool { return o == PControlHardResetClientV3 || o == PControlWKcV1 }

// KeyID numbers a generation of keys within a session: 0 for the first, then 1
// to 7 and round to 1 again.
type KeyID uint8

// Next is the key id of the following generation.
func (k KeyID) Next() KeyID {
	if k >= 7 {
		return 1
	}
	return k + 1
}

// Head is the first byte of every packet.
func Head(op Opcode, key KeyID) byte { return byte(op)<<3 | byte(key)&7 }

// ParseHead splits the first byte of a packet.
func ParseHead(b byte) (Opcode, KeyID) { return Opcode(b >> 3), KeyID(b & 7) }

// SessionID names one end of a session; random, chosen by that end.
type SessionID [8]byte

func (s SessionID) String() string { return fmt.Sprintf("%x", s[:]) }

// IsZero reports whether no session id was set.
func (s SessionID) IsZero() bool { return s == SessionID{} }

// PeerID names a client in P_DATA_V2 packets, 24 bits.
type PeerID uint32

// PeerIDUnset is sent by a client that was given no peer-id.
const PeerIDUnset PeerID = 0xFFFFFF

// DataHeaderV1 and DataHeaderV2 are the lengths of the data channel headers
// before the packet-id.
const (
	DataHeaderV1 = 1
	DataHeaderV2 = 4
)

// PutDataV2 writes the P_DATA_V2 header into b[0:4].
func PutDataV2(b []byte, key KeyID, peer PeerID) {
	binary.BigEndian.PutUint32(b, uint32(Head(PDataV2, key))<<24|uint32(peer)&0xFFFFFF)
}

// ParseDataV2 reads the peer-id from a P_DATA_V2 header. b must hold at least
// DataHeaderV2 bytes.
func ParseDataV2(b []byte) PeerID {
	return PeerID(binary.BigEndian.Uint32(b) & 0xFFFFFF)
}

// Errors of the parsers in this package, wrapped with what was wrong.
var (
	ErrShort     = errors.New("packet too short")
	ErrMalformed = errors.New("malformed packet")
)
