// Package framing is what may stand between an IP packet and the data channel:
// the marks of compression, and the pieces of `fragment`. Nothing is compressed
// on sending, since the length of a compressed packet tells something about its content.
//
// It reads no clock and knows no keys.
package framing

import (
	"errors"
	"fmt"
	"sync"

	lzo "github.com/anchore/go-lzo"
	"github.com/pierrec/lz4/v4"

	"culvert/internal/buf"
	"culvert/session/wire"
)

// Errors of Unwrap and Wrap.
var (
	// ErrFraming: the packet does not begin as this framing demands.
	ErrFraming = errors.New("the packet's compression framing is not the one agreed on")
	// ErrCompressed: the packet is compressed, and that is not allowed.
	ErrCompressed = errors.New("the packet is compressed, which allow-compression no forbids")
	// ErrDamaged: what is compressed makes no sense, or is larger than a packet.
	ErrDamaged = errors.New("the packet's compressed data is damaged, or larger than a packet may be")
	// ErrTooLarge: the packet must go in pieces.
	ErrTooLarge = errors.New("the packet is too large to go in one piece")
)

// Config is what two peers agreed on.
type Config struct {
	Compression wire.Compression
	// Refuse drops compressed packets.
	Refuse bool
	// Fragments puts the header of `fragment` on every packet.
	Fragments bool
}

// Stage wraps packets on their way out and unwraps them on their way in. Its
// methods may be called concurrently.
type Stage struct {
	config Config
	cutter
	mu      sync.Mutex // of what follows
	scratch []byte
	puzzle  puzzle
}

// New returns a stage, or nil when there is nothing to do.
func New(c Config) *Stage {
	if c.Compression == wire.CompressionOff && !c.Fragments {
		return nil
	}
	return &Stage{config: c}
}

// Overhead is how many bytes Wrap adds to an IP packet.
func (s *Stage) Overhead() (n int) {
	if s.config.Fragments {
		n += wire.FragmentHeaderLen
	}
	if c := s.config.Compression; c == wire.CompressionLZO || c == wire.CompressionStub {
		n++
	}
	return n
}

// Wrap frames p, in place. With Fragments and limit above 0 it fails with
// ErrTooLarge when p is longer than limit then; p is what Cut wants.
func (s *Stage) Wrap(p *buf.Packet, limit int) error {
	s.mark(p)
	if !s.config.Fragments {
		return nil
	}
	if limit > 0 && p.Len()+wire.FragmentHeaderLen > limit {
		return ErrTooLarge
	}
	wire.Fragment{}.Put(p.Prepend(wire.FragmentHeaderLen))
	return nil
}

// mark says that p is not compressed.
func (s *Stage) mark(p *buf.Packet) {
	if p.Len() == 0 {
		return
	}
	switch first := p.Bytes()[0]; s.config.Compression {
	case wire.CompressionLZO:
		p.Prepend(1)[0] = wire.FramePlain
	case wire.CompressionStub:
		p.Append(1)[0] = first
		p.Bytes()[0] = wire.FramePlainSwap
	case wire.CompressionV2:
		if first == wire.FrameV2 {
			copy(p.Prepend(2), []byte{wire.FrameV2, wire.AlgorithmNone})
		}
	}
}

// Unwrap takes the framing off p, in place. When p is a piece of a packet that
// is not whole yet, p becomes empty. now is in nanoseconds on a monotonic
// clock. It fails with ErrFraming, ErrCompressed, ErrDamaged or what
// wire.ParseFragment does.
func (s *Stage) Unwrap(p *buf.Packet, now int64) error {
	if s.config.Fragments {
		if err := s.join(p, now); err != nil {
			return err
		}
	}
	if p.Len() == 0 {
		return nil
	}
	switch s.config.Compression {
	case wire.CompressionLZO, wire.CompressionStub:
		return s.unmark(p)
	case wire.CompressionV2:
		return s.unmarkV2(p)
	}
	return nil
}

// unmark takes either of the framings of one byte, since they tell themselves
// apart.
func (s *Stage) unmark(p *buf.Packet) error {
	switch p.Bytes()[0] {
	case wire.FramePlain:
		p.TrimFront(1)
		return nil
	case wire.FramePlainSwap:
		unswap(p)
		return nil
	case wire.FrameLZO:
		p.TrimFront(1)
		return s.decompress(p, lzoBlock)
	case wire.FrameLZ4Swap:
		unswap(p)
		return s.decompress(p, lz4.UncompressBlock)
	}
	return fmt.Errorf("%w: it begins with %#02x", ErrFraming, p.Bytes()[0])
}

// unswap puts the last byte back to the front, over the mark.
func unswap(p *buf.Packet) {
	b := p.Bytes()
	b[0] = b[len(b)-1]
	p.TrimBack(1)
}

func (s *Stage) unmarkV2(p *buf.Packet) error {
	b := p.Bytes()
	if b[0] != wire.FrameV2 {
		return nil
	}
	if len(b) < 2 {
		return fmt.Errorf("%w: it ends after %#02x", ErrFraming, b[0])
	}
	p.TrimFront(2)
	switch b[1] {
	case wire.AlgorithmNone:
		return nil
	case wire.AlgorithmLZ4:
		return s.decompress(p, lz4.UncompressBlock)
	case wire.AlgorithmLZO:
		return s.decompress(p, lzoBlock)
	}
	return fmt.Errorf("%w: algorithm %d is not known", ErrFraming, b[1])
}

func lzoBlock(src, dst []byte) (int, error) { return lzo.Decompress(src, dst) }

// decompress replaces p by what it holds, at most as much as its buffer has
// room for.
func (s *Stage) decompress(p *buf.Packet, block func(src, dst []byte) (int, error)) error {
	if s.config.Refuse {
		return ErrCompressed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	src := p.Bytes()
	room := len(p.Room())
	if len(s.scratch) < room {
		s.scratch = make([]byte, room)
	}
	n, err := block(src, s.scratch[:room])
	if err != nil || n <= 0 || n > room {
		return ErrDamaged
	}
	p.Set(s.scratch[:n])
	return nil
}
