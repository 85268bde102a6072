package framing

import (
	"math/bits"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/session/wire"
)

// cutter numbers the packets that go in pieces.
type cutter struct{ sequence atomic.Uint32 }

// Pieces is a packet on its way out in pieces. It is made by Cut.
type Pieces struct {
	text   []byte
	size   int
	header wire.Fragment
}

// Cut takes p, which Wrap refused, apart in pieces that are no longer than
// limit bytes with their headers. p must stay as it is until the last piece was
// taken. It fails with ErrTooLarge when these would be too many.
func (s *Stage) Cut(p *buf.Packet, limit int) (Pieces, error) {
	text := p.Bytes()
	size := (limit - wire.FragmentHeaderLen) &^ 3
	if size <= 0 || len(text) > size*wire.MaxFragments {
		return Pieces{}, ErrTooLarge
	}
	count := (len(text) + size - 1) / size
	size = ((len(text)+count-1)/count + 3) &^ 3 // about equal pieces
	header := wire.Fragment{Kind: wire.FragmentMore, Sequence: uint8(s.sequence.Add(1))}
	return Pieces{text, size, header}, nil
}

// Next makes p the next piece; false when there is none.
func (c *Pieces) Next(p *buf.Packet) bool {
	if len(c.text) == 0 {
		return false
	}
	n := min(c.size, len(c.text))
	if n == len(c.text) {
		c.header.Kind, c.header.Size = wire.FragmentLast, c.size
	}
	p.Set(c.text[:n])
	c.header.Put(p.Prepend(wire.FragmentHeaderLen))
	c.header.Index++
	c.text = c.text[n:]
	return true
}

const (
	// puzzles is how many packets are put together at a time. Pieces of a
	// packet that are not complete make way for those of a later one.
	puzzles = 16
	// patience is how long pieces wait for the rest.
	patience = 10 * time.Second
)

// puzzle is the packets that are not whole yet. The zero value is empty.
type puzzle [puzzles]struct {
	sequence uint8
	since    int64
	size     int    // of all pieces but the last
	last     int    // index of the last piece, -1 while it is not known
	length   int    // of the whole, known with the last piece
	have     uint32 // a bit for each piece
	text     []byte
}

// join takes the header off p. A piece is kept, and p becomes empty, or the
// whole packet when it was the last one missing.
func (s *Stage) join(p *buf.Packet, now int64) error {
	header, err := wire.ParseFragment(p.Bytes())
	if err != nil {
		return err
	}
	p.TrimFront(wire.FragmentHeaderLen)
	switch header.Kind {
	case wire.FragmentWhole:
		return nil
	case wire.FragmentTest:
		p.TrimBack(p.Len())
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puzzle.add(header, p, now)
	return nil
}

// add keeps a piece, or makes p the whole packet.
func (z *puzzle) add(h wire.Fragment, p *buf.Packet, now int64) {
	piece := p.Bytes()
	room := len(p.Room())
	p.SetLen(0)
	size := len(piece)
	if h.Kind == wire.FragmentLast {
		size = h.Size
	}
	at := h.Index * size
	if len(piece) == 0 || len(piece) > size || at+len(piece) > room {
		return
	}
	e := &z[h.Sequence%puzzles]
	if e.have == 0 || e.sequence != h.Sequence || e.size != size || now-e.since > int64(patience) || e.have&(1<<h.Index) != 0 {
		e.sequence, e.since, e.size, e.last, e.have = h.Sequence, now, size, -1, 0
	}
	if len(e.text) < room {
		e.text = append(e.text, make([]byte, room-len(e.text))...)
	}
	copy(e.text[at:], piece)
	e.have |= 1 << h.Index
	if h.Kind == wire.FragmentLast {
		e.last, e.length = h.Index, at+len(piece)
	}
	if e.last >= 0 && bits.Len32(e.have) == e.last+1 && bits.OnesCount32(e.have) == e.last+1 {
		e.have = 0
		p.Set(e.text[:e.length])
	}
}
