package session

import "bytes"

// Kind is what a packet of the data channel carries.
type Kind int

// The kinds: an IP packet, or one of the small messages between the daemons.
const (
	KindPacket Kind = iota
	KindPing
	KindExit
	KindMTUTest // what Session.MTUTest is to be told of
	KindOther   // a consistency check of old peers, or a piece; nothing to do
)

// Daemons talk on the data channel by packets that begin with these bytes and
// could not be IP.
var (
	pingMagic = []byte{0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed, 0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48}
	occMagic  = []byte{0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81, 0x2d, 0x56, 0xb8, 0xd3, 0xaf, 0xc5, 0x45, 0x9c}
)

const occExit = 6

func kindOf(b []byte) Kind {
	switch {
	case bytes.Equal(b, pingMagic):
		return KindPing
	case bytes.HasPrefix(b, occMagic):
		if len(b) == len(occMagic) {
			return KindOther
		}
		switch b[len(occMagic)] {
		case occExit:
			return KindExit
		case occAskLoad, occLoad, occAskReport, occReport:
			return KindMTUTest
		}
		return KindOther
	}
	return KindPacket
}
