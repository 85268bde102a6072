package framing

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"

	"culvert/internal/buf"
	"culvert/session/wire"
)

func packet(b []byte) *buf.Packet {
	p := buf.New(buf.DefaultSize)
	p.Set(b)
	return p
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func lz4Block(t testing.TB, b []byte) []byte {
	t.Helper()
	out := make([]byte, lz4.CompressBlockBound(len(b)))
	n, err := lz4.CompressBlock(b, out, nil)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	return out[:n]
}

// swapped is b with its first byte at the end and mark in its place.
func swapped(mark byte, b []byte) []byte {
	return append(append([]byte{mark}, b[1:]...), b[0])
}

// lzoWords is "abcdabcdabcd": four literals, a match of eight, the end.
const lzoWords = "15 61626364 ec00 110000"

func TestMarks(t *testing.T) {
	for _, c := range []struct {
		framing    wire.Compression
		text, wire string
	}{
		{wire.CompressionOff, "45000001", "45000001"},
		{wire.CompressionLZO, "45000001", "fa45000001"},
		{wire.CompressionStub, "45000001", "fb00000145"},
		{wire.CompressionStub, "45", "fb45"},
		{wire.CompressionV2, "45000001", "45000001"},
		{wire.CompressionV2, "50000001", "500050000001"},
		{wire.CompressionLZO, "", ""},
		{wire.CompressionStub, "", ""},
		{wire.CompressionV2, "", ""},
	} {
		s := &Stage{config: Config{Compression: c.framing}}
		p := packet(unhex(t, c.text))
		if err := s.Wrap(p, 0); err != nil || hex.EncodeToString(p.Bytes()) != c.wire {
			t.Errorf("%v: %s is framed as %x, want %s", c.framing, c.text, p.Bytes(), c.wire)
		}
		if err := s.Unwrap(p, 0); err != nil || hex.EncodeToString(p.Bytes()) != c.text {
			t.Errorf("%v: %s is unframed as %x, want %s", c.framing, c.wire, p.Bytes(), c.text)
		}
	}
	if New(Config{}) != nil {
		t.Error("a stage for nothing")
	}
}

func TestDecompression(t *testing.T) {
	text := bytes.Repeat([]byte("the same again and "), 60)
	block := lz4Block(t, text)
	for name, c := range map[string]struct {
		framing wire.Compression
		b, want []byte
	}{
		"lzo":           {wire.CompressionLZO, append([]byte{wire.FrameLZO}, unhex(t, lzoWords)...), []byte("abcdabcdabcd")},
		"lzo with stub": {wire.CompressionStub, append([]byte{wire.FrameLZO}, unhex(t, lzoWords)...), []byte("abcdabcdabcd")},
		"lz4":           {wire.CompressionStub, swapped(wire.FrameLZ4Swap, block), text},
		"lz4-v2":        {wire.CompressionV2, append([]byte{wire.FrameV2, wire.AlgorithmLZ4}, block...), text},
		"lzo, v2":       {wire.CompressionV2, append([]byte{wire.FrameV2, wire.AlgorithmLZO}, unhex(t, lzoWords)...), []byte("abcdabcdabcd")},
	} {
		p := packet(c.b)
		if err := New(Config{Compression: c.framing}).Unwrap(p, 0); err != nil || !bytes.Equal(p.Bytes(), c.want) {
			t.Errorf("%s: %q, %v", name, p.Bytes(), err)
		}
		if err := New(Config{Compression: c.framing, Refuse: true}).Unwrap(packet(c.b), 0); !errors.Is(err, ErrCompressed) {
			t.Errorf("%s, refused: %v", name, err)
		}
	}
}

// A few bytes that stand for many must not become more than a packet.
func TestBombs(t *testing.T) {
	lzoBomb := append(unhex(t, "66 15 61626364 20"), make([]byte, 80)...)
	lzoBomb = append(lzoBomb, unhex(t, "01 0c00 110000")...)
	for name, b := range map[string][]byte{
		"lzo": lzoBomb, "lz4": swapped(wire.FrameLZ4Swap, lz4Block(t, make([]byte, 1<<17))),
		"lzo cut": unhex(t, "66 15 616263"), "lz4 cut": unhex(t, "69 ff f0"), "lzo empty": {0x66}, "lz4 empty": {0x69},
		"lzo before the start": unhex(t, "66 15 61626364 ec10 110000"),
	} {
		p := packet(b)
		if err := New(Config{Compression: wire.CompressionLZO}).Unwrap(p, 0); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %d bytes, %v", name, p.Len(), err)
		}
	}
}

func TestWrongFraming(t *testing.T) {
	for _, c := range []struct {
		framing wire.Compression
		b       string
	}{{wire.CompressionLZO, "45000001"}, {wire.CompressionStub, "60000001"}, {wire.CompressionV2, "50"}, {wire.CompressionV2, "5009"}} {
		if err := New(Config{Compression: c.framing}).Unwrap(packet(unhex(t, c.b)), 0); !errors.Is(err, ErrFraming) {
			t.Errorf("%v, %s: %v", c.framing, c.b, err)
		}
	}
}

// pieces is what a stage makes of text.
func pieces(t testing.TB, s *Stage, text []byte, limit int) (all [][]byte) {
	t.Helper()
	p := packet(text)
	switch err := s.Wrap(p, limit); err {
	case nil:
		return [][]byte{bytes.Clone(p.Bytes())}
	case ErrTooLarge:
	default:
		t.Fatal(err)
	}
	cut, err := s.Cut(p, limit)
	if err != nil {
		t.Fatal(err)
	}
	for q := buf.New(buf.DefaultSize); cut.Next(q); {
		if q.Len() > limit {
			t.Errorf("a piece of %d bytes, over %d", q.Len(), limit)
		}
		all = append(all, bytes.Clone(q.Bytes()))
	}
	return all
}

func TestFragmentsInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for limit := 68; limit < 700; limit += 13 {
		out, in := New(Config{Fragments: true}), New(Config{Fragments: true})
		for n := 1; n < 1600; n += 111 {
			text := make([]byte, n)
			for i := range text {
				text[i] = byte(random.Uint32())
			}
			all := pieces(t, out, text, limit)
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for i, b := range all {
				p := packet(b)
				if err := in.Unwrap(p, 0); err != nil {
					t.Fatal(err)
				}
				if whole := p.Len() > 0; whole != (i == len(all)-1) || whole && !bytes.Equal(p.Bytes(), text) {
					t.Fatalf("limit %d, %d bytes: wrong after piece %d of %d", limit, n, i+1, len(all))
				}
			}
		}
	}
}

// Sequence 1, indexes 0 to 2, and the size of the others in the last piece.
func TestFragmentHeader(t *testing.T) {
	s := New(Config{Fragments: true})
	all := pieces(t, s, make([]byte, 1500), 600)
	want := []string{"00000005", "00000405", "003e8806"}
	if len(all) != len(want) {
		t.Fatalf("%d pieces", len(all))
	}
	for i, b := range all {
		if got := hex.EncodeToString(b[:4]); got != want[i] {
			t.Errorf("piece %d: header %s, want %s", i, got, want[i])
		}
	}
	if whole := pieces(t, s, make([]byte, 100), 600); hex.EncodeToString(whole[0][:4]) != "00000000" {
		t.Errorf("whole: %x", whole[0][:4])
	}
	if _, err := s.Cut(packet(make([]byte, 1500)), 40); err != ErrTooLarge {
		t.Errorf("more than 32 pieces: %v", err)
	}
}

// Pieces that never make a whole hold a bounded space, and the next packet is
// put together all the same.
func TestFragmentStorm(t *testing.T) {
	in := New(Config{Fragments: true})
	random := rand.New(rand.NewPCG(2, 2))
	p := buf.New(buf.DefaultSize)
	for i := range 100_000 {
		p.Set(make([]byte, 4+random.IntN(1500)))
		wire.Fragment{Kind: wire.FragmentKind(1 + random.IntN(2)), Sequence: uint8(random.Uint32()),
			Index: random.IntN(32), Size: random.IntN(1<<14) * 4}.Put(p.Bytes())
		if err := in.Unwrap(p, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for i := range in.puzzle {
		held += cap(in.puzzle[i].text)
	}
	if held > puzzles*2*buf.DefaultSize {
		t.Errorf("%d bytes held", held)
	}
	out := New(Config{Fragments: true})
	text := bytes.Repeat([]byte("x"), 1400)
	for _, b := range pieces(t, out, text, 500) {
		p.Set(b)
		in.Unwrap(p, 100_000)
	}
	if !bytes.Equal(p.Bytes(), text) {
		t.Error("the packet after the storm is not whole")
	}
}

func TestFragmentsThatWaitTooLong(t *testing.T) {
	out, in := New(Config{Fragments: true}), New(Config{Fragments: true})
	all := pieces(t, out, make([]byte, 1000), 600)
	for i, b := range all {
		p := packet(b)
		in.Unwrap(p, int64(i)*int64(11*time.Second))
		if p.Len() != 0 {
			t.Error("put together with a piece of eleven seconds ago")
		}
	}
	for _, b := range []string{"", "000000", "00000003", "00000007ff"} {
		if err := in.Unwrap(packet(unhex(t, b)), 0); (err != nil) != (len(b) < 8) {
			t.Errorf("%q: %v", b, err)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	block := swapped(wire.FrameLZ4Swap, lz4Block(t, bytes.Repeat([]byte("again and "), 100)))
	s := New(Config{Compression: wire.CompressionStub, Fragments: true})
	text := make([]byte, 1400)
	p, q := packet(text), packet(nil)
	if n := testing.AllocsPerRun(100, func() {
		p.Set(text)
		s.Wrap(p, 0)
		s.Unwrap(p, 0)
		p.Set(block)
		wire.Fragment{}.Put(p.Prepend(wire.FragmentHeaderLen))
		if err := s.Unwrap(p, 0); err != nil {
			t.Fatal(err)
		}
		p.Set(text)
		s.Wrap(p, 500)
		cut, _ := s.Cut(p, 500)
		for cut.Next(q) {
			s.Unwrap(q, 0)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzUnwrap(f *testing.F) {
	f.Add(uint8(1), false, unhex(f, "66"+lzoWords))
	f.Add(uint8(2), true, unhex(f, "00000000fb000045"))
	f.Add(uint8(3), false, unhex(f, "500145"))
	f.Add(uint8(0), true, unhex(f, "00fa080645"))
	f.Fuzz(func(t *testing.T, c uint8, fragments bool, b []byte) {
		if len(b) > buf.DefaultSize {
			return
		}
		s := &Stage{config: Config{Compression: wire.Compression(c % 4), Fragments: fragments}}
		for range 3 {
			p := packet(b)
			if err := s.Unwrap(p, 0); err == nil && p.Len() > buf.DefaultSize {
				t.Errorf("%d bytes", p.Len())
			}
		}
	})
}
