package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
)

// Address types of RFC 1928, section 5.
const (
	typeIPv4 = 1
	typeName = 3
	typeIPv6 = 4
)

var errAddressType = errors.New("unknown address type")

// readAddress reads an address type, an address or name, and a port. It returns
// host:port.
func readAddress(r io.Reader) (string, error) {
	var b [256 + 2]byte
	if _, err := io.ReadFull(r, b[:1]); err != nil {
		return "", err
	}
	kind, n := b[0], 0
	switch kind {
	case typeIPv4:
		n = 4
	case typeIPv6:
		n = 16
	case typeName:
		if _, err := io.ReadFull(r, b[:1]); err != nil {
			return "", err
		}
		n = int(b[0])
	default:
		return "", fmt.Errorf("%w %d; want 1 (IPv4), 3 (name) or 4 (IPv6)", errAddressType, kind)
	}
	if _, err := io.ReadFull(r, b[:n+2]); err != nil {
		return "", err
	}
	host := string(b[:n])
	if kind != typeName {
		a, _ := netip.AddrFromSlice(b[:n])
		host = a.String()
	} else if n == 0 {
		return "", errors.New("empty name")
	}
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(b[n:n+2])))), nil
}

// appendAddress appends what readAddress reads. An address that is not IP becomes
// 0.0.0.0:0.
func appendAddress(b []byte, a net.Addr) []byte {
	ap := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	}
	addr := ap.Addr().Unmap()
	kind := byte(typeIPv4)
	if addr.Is6() {
		kind = typeIPv6
	}
	b = append(append(b, kind), addr.AsSlice()...)
	return binary.BigEndian.AppendUint16(b, ap.Port())
}
