package bsd

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

// hexOf is a request's argument without what is zero at its end.
func hexOf(r request) string { return strings.TrimRight(hex.EncodeToString(r.arg), "0") }

func hexName(device string) string {
	b := make([]byte, nameLen)
	copy(b, device)
	return hex.EncodeToString(b)
}

// The numbers are those the systems' headers come to.
func TestRequests(t *testing.T) {
	own4, own6 := netip.MustParsePrefix("10.8.0.2/24"), netip.MustParsePrefix("fd00::2/64")
	peer := netip.MustParseAddr("10.8.0.1")
	const (
		sin4      = "100200000a080002" + "0000000000000000"
		sinPeer   = "100200000a080001" + "0000000000000000"
		sinMask   = "10020000ffffff"
		none4     = "00000000000000000000000000000000"
		body6     = "fd000000000000000000000000000002" + "00000000"
		none6     = "00000000000000000000000000000000000000000000000000000000"
		mask6     = "ffffffffffffffff0000000000000000" + "00000000"
		lifetimes = "00000000" + "0000000000000000" + "0000000000000000" + "ffffffffffffffff"
	)
	for name, c := range map[string]struct {
		r      request
		number uintptr
		length int
		arg    string
	}{
		"macOS address":           {layouts["darwin"].addAddress("utun3", own4, netip.Addr{}, 30), 0x8040691a, 64, hexName("utun3") + sin4 + sin4 + sinMask},
		"macOS peer":              {layouts["darwin"].addAddress("utun3", own4, peer, 30), 0x8040691a, 64, hexName("utun3") + sin4 + sinPeer + sinMask},
		"FreeBSD address":         {layouts["freebsd"].addAddress("tun0", own4, netip.Addr{}, 28), 0x8044692b, 68, hexName("tun0") + sin4 + none4 + sinMask},
		"FreeBSD peer":            {layouts["freebsd"].addAddress("tun0", own4, peer, 28), 0x8044692b, 68, hexName("tun0") + sin4 + none4 + sinMask},
		"OpenBSD address":         {layouts["openbsd"].addAddress("tun0", own4, netip.Addr{}, 24), 0x8040691a, 64, hexName("tun0") + sin4 + sin4 + sinMask},
		"macOS IPv6 address":      {layouts["darwin"].addAddress("utun3", own6, netip.Addr{}, 30), 0x8080691a, 128, hexName("utun3") + "1c1e000000000000" + body6 + none6 + "1c1e000000000000" + mask6 + lifetimes},
		"FreeBSD IPv6 address":    {layouts["freebsd"].addAddress("tun0", own6, netip.Addr{}, 28), 0x8088691b, 136, hexName("tun0") + "1c1c000000000000" + body6 + none6 + "1c1c000000000000" + mask6 + lifetimes},
		"OpenBSD IPv6 address":    {layouts["openbsd"].addAddress("tun0", own6, netip.Addr{}, 24), 0x8080691a, 128, hexName("tun0") + "1c18000000000000" + body6 + none6 + "1c18000000000000" + mask6 + lifetimes},
		"address removed":         {removeAddress("tun0", own4.Addr(), 0), 0x80206919, 32, hexName("tun0") + "100200000a080002"},
		"IPv6 address removed":    {removeAddress("tun0", own6.Addr(), 24), 0x81206919, 288, hexName("tun0") + "1c18000000000000fd000000000000000000000000000002"},
		"MTU":                     {layouts["freebsd"].mtu("tun0", 0x0500), 0x80206934, 32, hexName("tun0") + hex.EncodeToString(binary.NativeEndian.AppendUint32(nil, 0x0500))},
		"MTU on OpenBSD":          {layouts["openbsd"].mtu("tun0", 0x0500), 0x8020697f, 32, hexName("tun0") + hex.EncodeToString(binary.NativeEndian.AppendUint32(nil, 0x0500))},
		"flags":                   {flags("tun0"), 0xc0206911, 32, hexName("tun0")},
		"up":                      {flags("tun0").up(true), 0x80206910, 32, hexName("tun0") + hex.EncodeToString(binary.NativeEndian.AppendUint16(nil, 1))},
		"down":                    {flags("tun0").up(true).up(false), 0x80206910, 32, hexName("tun0")},
		"name that is cut":        {flags("a-name-far-too-long"), 0xc0206911, 32, hexName("a-name-far-too-")},
		"IPv6 peer on FreeBSD":    {layouts["freebsd"].addAddress("tun0", own6, netip.MustParseAddr("fd00::1"), 28), 0x8088691b, 136, hexName("tun0") + "1c1c000000000000" + body6 + none6 + "1c1c000000000000" + mask6 + lifetimes},
		"IPv6 peer where it must": {layouts["darwin"].addAddress("utun3", own6, own6.Addr(), 30), 0x8080691a, 128, hexName("utun3") + "1c1e000000000000" + body6 + "1c1e000000000000" + body6 + "1c1e000000000000" + mask6 + lifetimes},
	} {
		if c.r.number != c.number || len(c.r.arg) != c.length {
			t.Errorf("%s: request %#x of %d bytes, want %#x of %d", name, c.r.number, len(c.r.arg), c.number, c.length)
		}
		if got, want := hexOf(c.r), strings.TrimRight(c.arg, "0"); got != want {
			t.Errorf("%s:\n%s, want\n%s", name, got, want)
		}
	}
}
