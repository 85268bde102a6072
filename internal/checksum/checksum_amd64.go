package checksum

import "golang.org/x/sys/cpu"

var hasAVX2 = cpu.X86.HasAVX2

// sumAVX2 is the sum of b as little-endian 32-bit words. The length is a
// multiple of 64 bytes, from 64 to 1 MiB.
//
//go:noescape
func sumAVX2(b []byte) uint64

// sumBlocks sums the whole blocks at the front of b, as little-endian words, and
// returns their length.
func sumBlocks(b []byte) (s uint64, n int) {
	n = len(b) &^ 63
	if !hasAVX2 || n == 0 || n > 1<<20 {
		return sumWords(b)
	}
	return sumAVX2(b[:n]), n
}
