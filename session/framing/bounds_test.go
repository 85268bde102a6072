package framing

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/session/wire"
)

// TestPieceSizes: as few pieces as there can be, and about equal.
func TestPieceSizes(t *testing.T) {
	for _, c := range []struct {
		text, limit int
		want        []int // with their headers; nil: it cannot be cut
	}{
		{1200, 604, []int{604, 604}}, {1201, 604, []int{408, 408, 397}}, {1199, 607, []int{604, 603}}, {600, 604, []int{604}},
		{32 * 8, 12, slices.Repeat([]int{12}, 32)}, {32*8 + 1, 12, nil}, {4, 8, []int{8}}, {4, 7, nil}, {4, 4, nil}, {4, 1, nil}, {0, 4, nil},
	} {
		cut, err := New(Config{Fragments: true}).Cut(packet(make([]byte, c.text)), c.limit)
		var got []int
		for q := buf.New(buf.DefaultSize); err == nil && cut.Next(q); {
			got = append(got, q.Len())
		}
		if !slices.Equal(got, c.want) || (err != nil) != (c.want == nil) {
			t.Errorf("%d bytes in pieces of %d: %v, %v; want %v", c.text, c.limit, got, err, c.want)
		}
	}
}

func TestOverhead(t *testing.T) {
	for c, want := range map[Config]int{
		{Fragments: true}: 4, {Compression: wire.CompressionLZO}: 1, {Compression: wire.CompressionStub}: 1, {Compression: wire.CompressionV2}: 0,
		{Compression: wire.CompressionLZO, Fragments: true}: 5, {Compression: wire.CompressionV2, Fragments: true}: 4,
	} {
		if got := New(c).Overhead(); got != want {
			t.Errorf("%+v: %d bytes, want %d", c, got, want)
		}
	}
}

// TestOnePieceFits: up to the limit, with its header.
func TestOnePieceFits(t *testing.T) {
	s := New(Config{Fragments: true})
	for _, c := range []struct {
		text, limit int
		want        error
	}{{96, 100, nil}, {97, 100, ErrTooLarge}, {1500, 0, nil}} {
		if err := s.Wrap(packet(make([]byte, c.text)), c.limit); err != c.want {
			t.Errorf("%d bytes within %d: %v", c.text, c.limit, err)
		}
	}
}

// TestPatience: pieces wait as long as that for the rest, and no longer.
func TestPatience(t *testing.T) {
	for wait, want := range map[time.Duration]bool{0: true, patience: true, patience + 1: false} {
		in := New(Config{Fragments: true})
		var p *buf.Packet
		for i, b := range pieces(t, New(Config{Fragments: true}), make([]byte, 1000), 600) {
			p = packet(b)
			if err := in.Unwrap(p, int64(time.Hour)+int64(i)*int64(wait)); err != nil {
				t.Fatal(err)
			}
		}
		if whole := p.Len() == 1000; whole != want {
			t.Errorf("after %v: whole %v", wait, whole)
		}
	}
}

// TestLargestPackets: what fills its buffer to the last byte, put together or
// decompressed.
func TestLargestPackets(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), buf.DefaultSize/16+1)[:buf.DefaultSize]
	in := New(Config{Fragments: true})
	var p *buf.Packet
	for _, b := range pieces(t, New(Config{Fragments: true}), text, 600) {
		p = packet(b)
		if err := in.Unwrap(p, 0); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(p.Bytes(), text) {
		t.Errorf("%d bytes put together", p.Len())
	}
	p = packet(append([]byte{wire.FrameV2, wire.AlgorithmLZ4}, lz4Block(t, text)...))
	if err := New(Config{Compression: wire.CompressionV2}).Unwrap(p, 0); err != nil || !bytes.Equal(p.Bytes(), text) {
		t.Errorf("%d bytes decompressed, %v", p.Len(), err)
	}
	p = packet(append([]byte{wire.FrameV2, wire.AlgorithmLZ4}, lz4Block(t, append(text, 0))...))
	if err := New(Config{Compression: wire.CompressionV2}).Unwrap(p, 0); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte more: %v", err)
	}
}

// TestPieceBuffersGrow: to the room of the largest packet that a piece came in.
func TestPieceBuffersGrow(t *testing.T) {
	in := New(Config{Fragments: true})
	for _, c := range [][2]int{{100, 100}, {200, 200}, {150, 200}} {
		room, want := c[0], c[1]
		p := buf.New(room)
		p.Set([]byte("piece..."))
		wire.Fragment{Kind: wire.FragmentMore, Sequence: 3}.Put(p.Prepend(wire.FragmentHeaderLen))
		if err := in.Unwrap(p, 0); err != nil {
			t.Fatal(err)
		}
		if got := len(in.puzzle[3].text); got != want {
			t.Errorf("room for %d bytes after a packet of %d", got, room)
		}
	}
}

// TestOnlyPiece: the first may be the last.
func TestOnlyPiece(t *testing.T) {
	p := packet([]byte("text"))
	wire.Fragment{Kind: wire.FragmentLast, Sequence: 1, Size: 4}.Put(p.Prepend(wire.FragmentHeaderLen))
	if err := New(Config{Fragments: true}).Unwrap(p, 0); err != nil || string(p.Bytes()) != "text" {
		t.Errorf("%q, %v", p.Bytes(), err)
	}
}

func TestNothingBehindTheMark(t *testing.T) {
	p := packet([]byte{wire.FrameV2, wire.AlgorithmNone})
	if err := New(Config{Compression: wire.CompressionV2}).Unwrap(p, 0); err != nil || p.Len() != 0 {
		t.Errorf("% x, %v", p.Bytes(), err)
	}
}
