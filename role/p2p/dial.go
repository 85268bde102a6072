package p2p

import (
	"context"
	"net"

	"culvert/host/bringup"
)

// DialContext connects through the tunnel, as net.Dialer does on a host, where
// the adapter is in user space. It fails with adapter.ErrNotConnected while
// the tunnel is down.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if h.Peer() == nil {
		return nil, bringup.ErrNotConnected
	}
	return h.local.adapter.DialContext(ctx, network, address)
}
