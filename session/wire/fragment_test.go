package wire

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzParseFragment(f *testing.F) {
	f.Add([]byte{0, 0xfa, 0x08, 0x06})
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseFragment(b)
		if (err != nil) != (len(b) < FragmentHeaderLen) || err != nil && !errors.Is(err, ErrShort) {
			t.Fatalf("%x: %v", b, err)
		}
		if err != nil {
			return
		}
		if h.Index >= MaxFragments || h.Size%4 != 0 {
			t.Errorf("%x: %+v", b, h)
		}
		again := make([]byte, FragmentHeaderLen)
		h.Put(again)
		want := bytes.Clone(b[:FragmentHeaderLen])
		want[0] &= 0x1f // the rest is unused
		if !bytes.Equal(again, want) {
			t.Errorf("%x is put as %x", b[:FragmentHeaderLen], again)
		}
	})
}

func TestParseCompression(t *testing.T) {
	for _, c := range []struct {
		directive, argument string
		want                Compression
		ok                  bool
	}{
		{"comp-lzo", "", CompressionLZO, true}, {"comp-lzo", "no", CompressionLZO, true}, {"comp-lzo", "lz4", 0, false},
		{"compress", "", CompressionStub, true}, {"compress", "lz4", CompressionStub, true}, {"compress", "lzo", CompressionLZO, true},
		{"compress", "lz4-v2", CompressionV2, true}, {"compress", "migrate", 0, false}, {"compress", "yes", 0, false},
	} {
		if got, ok := ParseCompression(c.directive, c.argument); got != c.want || ok != c.ok {
			t.Errorf("%s %s: %v, %t", c.directive, c.argument, got, ok)
		}
	}
}
