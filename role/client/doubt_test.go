package client

import (
	"net/netip"
	"testing"
	"time"

	"culvert/internal/simnet"
)

// TestFastestLostSoon: a server that ends a connection a moment after the servers were measured is
// not called again by that table: it may be gone.
func TestFastestLostSoon(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f, servers, c := threeServers(t, network)
		at(t, c, 1, time.Minute, secondAt)
		time.Sleep(2 * time.Second)
		servers[secondAt].send("RESTART,[N]")
		time.Sleep(100 * time.Millisecond)
		f.change(func(f *farther) { f.dead[netip.MustParseAddrPort(secondAt)] = true })
		at(t, c, 2, 10*time.Second, firstAt)
	})
}
