package lease

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// addrPlus returns the address n after a, within the low 64 bits.
func addrPlus(a netip.Addr, n int) netip.Addr {
	if a.Is4() {
		b := a.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(n))
		return netip.AddrFrom4(b)
	}
	b := a.As16()
	binary.BigEndian.PutUint64(b[8:], binary.BigEndian.Uint64(b[8:])+uint64(n))
	return netip.AddrFrom16(b)
}

// addrMinus returns how many addresses a is after b, or -1 if that is too far to
// count.
func addrMinus(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	if [8]byte(x[:8]) != [8]byte(y[:8]) {
		return -1
	}
	d := binary.BigEndian.Uint64(x[8:]) - binary.BigEndian.Uint64(y[8:])
	if d > math.MaxInt32 {
		return -1
	}
	return int(d)
}
