package simnet

import (
	"net/netip"

	"culvert/internal/buf"
)

// Whole is an Endpoint whose host can keep packets whole, and believes nothing of paths, so
// that they are measured.
type Whole struct{ *Endpoint }

// WriteWhole sends a packet; the Network cuts none.
func (w Whole) WriteWhole(p *buf.Packet) error {
	_, err := w.WriteBatch([]*buf.Packet{p})
	return err
}

// Believed reports that nothing is known.
func (Whole) Believed(netip.AddrPort) (int, bool) { return 0, false }
