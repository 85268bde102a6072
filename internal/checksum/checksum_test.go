package checksum

import (
	"bytes"
	"math/bits"
	"testing"
)

// varied are bytes without a pattern that a sum could miss.
func varied(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// reference is Sum as RFC 1071 describes it.
func reference(b []byte) uint16 {
	var s uint32
	for i, c := range b {
		s += uint32(c) << (8 * (1 - i%2))
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

func TestSum(t *testing.T) {
	b := varied(300)
	for from := range 9 {
		for to := from; to <= len(b); to++ {
			want := reference(b[from:to])
			if got := Sum(b[from:to]); got != want {
				t.Fatalf("bytes %d to %d: %#x, want %#x", from, to, got, want)
			}
			s, n := sumWords(b[from:to])
			if got, want := fold(s), reference(b[from:from+n]); bits.ReverseBytes16(got) != want {
				t.Fatalf("bytes %d to %d by words: %#x, want %#x", from, to, got, want)
			}
		}
	}
	for _, n := range []int{2, 64, 1 << 16} {
		if got := Sum(bytes.Repeat([]byte{0xff}, n)); got != 0xffff {
			t.Errorf("%d bytes of ones: %#x", n, got)
		}
	}
}

func BenchmarkSum(b *testing.B) {
	packet := varied(1400)
	b.SetBytes(1400)
	for b.Loop() {
		Sum(packet)
	}
}
