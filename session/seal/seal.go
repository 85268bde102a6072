// Package seal is the data channel: it turns plaintext into P_DATA packets and
// back, in place and without allocating. A Generation holds the keys of one key
// id, its packet-id counter, replay window and usage; a Ring holds the
// generations of a session and picks the one a packet needs.
//
// It reads no clock and knows no sockets. Sections are those of the OpenVPN
// wire protocol draft (openvpn-wire-protocol).
package seal

import (
	"errors"
	"fmt"

	"culvert/session/wire"
)

// Errors of Ring.Seal and Ring.Open. ErrReplay comes wrapped with the reason.
var (
	// ErrNoKey: no generation to seal with, or none with the packet's key id.
	ErrNoKey = errors.New("data channel: no key with this key id; it is not negotiated yet or already retired")
	// ErrExhausted: the generation reached a limit that would weaken its keys.
	ErrExhausted = errors.New("data channel: key used up; renegotiate")
	// ErrAuth: the packet was not sealed with this key, or changed on its way.
	ErrAuth = errors.New("data channel: authentication failed; packet forged, damaged or sealed with another key")
	// ErrReplay: the packet-id was seen before, or can no longer be told from
	// one that was.
	ErrReplay = errors.New("data channel: replay")
	// ErrShort: no room for header, packet-id and tag.
	ErrShort = fmt.Errorf("data channel: %w", wire.ErrShort)

	errOpcode = fmt.Errorf("data channel: %w: opcode is neither P_DATA_V1 nor P_DATA_V2", wire.ErrMalformed)
)
