package wire

import (
	"encoding/binary"
	"fmt"
)

// FragmentHeaderLen is the length of the header that `fragment` puts before
// every packet inside the data channel.
const FragmentHeaderLen = 4

// MaxFragments is how many pieces a packet can have.
const MaxFragments = 32

// FragmentKind tells pieces and whole packets apart.
type FragmentKind uint8

// The kinds.
const (
	FragmentWhole FragmentKind = iota
	FragmentMore               // a piece, not the last
	FragmentLast
	FragmentTest // to be ignored
)

// Fragment is that header, from the lowest bit of a 32-bit number in network
// byte order:
//
//	kind 2 | sequence 8 | index 5 | size 14, in units of four bytes | unused 3
type Fragment struct {
	Kind     FragmentKind
	Sequence uint8 // the same in all pieces of a packet
	Index    int   // of the piece, from 0 to MaxFragments-1
	Size     int   // last piece: the length of the others, a multiple of four
}

// Put writes the header to b[0:4].
func (f Fragment) Put(b []byte) {
	binary.BigEndian.PutUint32(b, uint32(f.Kind)|uint32(f.Sequence)<<2|uint32(f.Index)<<10|uint32(f.Size/4)<<15)
}

// ParseFragment reads a header. It fails with ErrShort.
func ParseFragment(b []byte) (Fragment, error) {
	if len(b) < FragmentHeaderLen {
		return Fragment{}, fmt.Errorf("%w: %d bytes, a fragment header has %d", ErrShort, len(b), FragmentHeaderLen)
	}
	n := binary.BigEndian.Uint32(b)
	return Fragment{
		Kind:     FragmentKind(n & 3),
		Sequence: uint8(n >> 2),
		Index:    int(n >> 10 & 31),
		Size:     int(n>>15&(1<<14-1)) * 4,
	}, nil
}
