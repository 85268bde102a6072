package server

import (
	"net/netip"
	"testing"

	"culvert/config"
)

// TestClientsAreKeptApart: a host that is made a router does not lead from
// client to client, unless the configuration says so.
func TestClientsAreKeptApart(t *testing.T) {
	for _, together := range []bool{false, true} {
		c := &config.Config{Adapter: config.Adapter{Topology: config.TopologySubnet}, Server: config.Server{Network: netip.MustParsePrefix("10.8.0.0/24"), ClientToClient: together}}
		h := &host{book: bookOf(t, c), forward: true}
		h.cfg.Store(c)
		if f := h.state(t.Context()).Forward; f == nil || f.Apart == together {
			t.Errorf("client-to-client %v: %+v", together, f)
		}
	}
}
