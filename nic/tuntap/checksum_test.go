package tuntap

import (
	"bytes"
	"math/bits"
	"testing"
)

func TestSum(t *testing.T) {
	b := bytesUpTo(300)
	for from := range 9 {
		for to := from; to <= len(b); to++ {
			want := slowSum(b[from:to])
			if got := sum(b[from:to]); got != want {
				t.Fatalf("bytes %d to %d: %#x, want %#x", from, to, got, want)
			}
			s, n := sumWords(b[from:to])
			if got, want := fold(s), slowSum(b[from:from+n]); bits.ReverseBytes16(got) != want {
				t.Fatalf("bytes %d to %d by words: %#x, want %#x", from, to, got, want)
			}
		}
	}
	for _, n := range []int{2, 64, 1 << 16} {
		if got := sum(bytes.Repeat([]byte{0xff}, n)); got != 0xffff {
			t.Errorf("%d bytes of ones: %#x", n, got)
		}
	}
}

func BenchmarkSum(b *testing.B) {
	packet := bytesUpTo(1400)
	b.SetBytes(1400)
	for b.Loop() {
		sum(packet)
	}
}
