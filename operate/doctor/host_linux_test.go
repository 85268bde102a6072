package doctor

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

const sockets = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:04AA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:04AB 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
`

func TestSocketTable(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the table is that of a little-endian machine")
	}
	got := socketsOf([]byte(sockets), true)
	if len(got) != 1 || got["4711"] != netip.MustParseAddrPort("127.0.0.1:1194") {
		t.Errorf("TCP: %v", got)
	}
	if got := socketsOf([]byte(sockets), false); len(got) != 2 {
		t.Errorf("UDP: %v", got)
	}
	if a, ok := socketAddr("00000000000000000000000001000000:04AA"); !ok || a != netip.MustParseAddrPort("[::1]:1194") {
		t.Errorf("IPv6: %v, %v", a, ok)
	}
	for _, bad := range []string{"", ":", "0100007F", "01:04AA", "xx00007F:04AA", "0100007F:104AA", "010000:04AA"} {
		if a, ok := socketAddr(bad); ok {
			t.Errorf("%q: %v", bad, a)
		}
	}
}

func TestOpenFiles(t *testing.T) {
	if n, err := openFiles(1 << 30); err == nil {
		t.Errorf("of no process: %d", n)
	}
}

func FuzzSocketTable(f *testing.F) {
	f.Add([]byte(sockets))
	f.Add([]byte("   0: 00000000000000000000000001000000:04AA x 0A a b c d e 7 f"))
	f.Fuzz(func(t *testing.T, table []byte) {
		for inode, at := range socketsOf(table, true) {
			if inode == "" || !at.Addr().IsValid() {
				t.Errorf("%q is at %v", inode, at)
			}
		}
	})
}
