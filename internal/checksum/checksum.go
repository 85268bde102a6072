// Package checksum computes the Internet checksum.
package checksum

import (
	"encoding/binary"
	"math/bits"
)

// Sum returns the ones' complement sum of b as big-endian 16-bit words, with an odd
// last byte padded with zero (RFC 1071). It adds wider words, which the RFC allows,
// in little-endian order, which only swaps the bytes of the result.
func Sum(b []byte) uint16 {
	s, n := sumBlocks(b)
	b = b[n:]
	var c uint64
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s += c
		b = b[8:]
	}
	var tail uint64
	for i, x := range b {
		tail |= uint64(x) << (8 * i)
	}
	s, c = bits.Add64(s, tail, 0)
	return bits.ReverseBytes16(fold(s + c))
}

// sumWords sums the whole blocks of 64 bytes at the front of b, and returns their
// length.
func sumWords(b []byte) (s uint64, n int) {
	var c uint64
	for ; len(b) >= 64; n += 64 {
		w := b[:64]
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w), 0)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[8:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[16:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[24:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[32:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[40:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[48:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[56:]), c)
		s += c // cannot overflow: a sum that carried is below 2^64-1
		b = b[64:]
	}
	return s, n
}

// fold adds up the 16-bit words of s.
func fold(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return uint16(s)
}

// Add returns the ones' complement sum of words.
func Add(words ...uint16) uint16 {
	var s uint64
	for _, w := range words {
		s += uint64(w)
	}
	return fold(s)
}

// PseudoHeader returns the sum of the addresses of an IP packet and a transport
// protocol, without the length (RFC 9293 section 3.1, RFC 8200 section 8.1).
func PseudoHeader(packet []byte, protocol uint8) uint16 {
	if packet[0]>>4 == 4 {
		return Add(Sum(packet[12:20]), uint16(protocol))
	}
	return Add(Sum(packet[8:40]), uint16(protocol))
}
