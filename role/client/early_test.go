package client

import (
	"encoding/binary"
	"testing"
	"time"

	"culvert/internal/simnet"
)

// segments has a client's host begin TCP, and returns the segment size that the server's end sees.
func segments(t *testing.T, c *near, h *measuredHost, f *far) int {
	t.Helper()
	syn := append(innerPacket("10.8.0.2", "10.8.0.1", ""), make([]byte, 24)...)
	syn[3], syn[9] = byte(len(syn)), 6
	tcp := syn[20:]
	tcp[12], tcp[13], tcp[20], tcp[21] = 6<<4, 2, 2, 4
	binary.BigEndian.PutUint16(tcp[22:], 1460)
	before := len(f.packets())
	h.n.nic.Inject(syn)
	time.Sleep(time.Millisecond * 20)
	got := f.packets()
	if len(got) != before+1 || len(got[before]) != 24 {
		t.Fatalf("%d packets reach the server: %s", len(got)-before, c.kinds())
	}
	return int(binary.BigEndian.Uint16([]byte(got[before])[22:]))
}

// TestEarlyTCP: what begins before the path is measured fits on nearly every path, since TCP's
// segments stay as long as they are; with `mssfix 0` they are left alone.
func TestEarlyTCP(t *testing.T) {
	const headers = 28 + 28 + 40 // IPv4 and UDP; the data channel; IPv4 and TCP inside
	for lines, want := range map[string][2]int{
		"":            {1280 - 20 - headers, 1312 - headers}, // 20 more over IPv6 outside
		"mssfix 1000": {1000 - 28 - 40, 1000 - 28 - 40},
		"mssfix 0":    {1460, 1460},
		"mtu-disc no": {1492 - headers, 1492 - headers},
	} {
		t.Run(lines, func(t *testing.T) {
			inWorld(t, func(t *testing.T, network *simnet.Network) {
				network.Change(func(o *simnet.Options) { o.Delay = 5 * time.Millisecond })
				c, f, h := narrowWorld(t, network, "", false, lines)
				early := segments(t, c, h, f)
				time.Sleep(10 * time.Second)
				if late := segments(t, c, h, f); early != want[0] || late != want[1] {
					t.Errorf("segments of %d bytes at first, later %d, want %v", early, late, want)
				}
			})
		})
	}
}
