package p2p

import (
	"time"

	"culvert/role/profile"
	"culvert/tunnel"
)

// Statistics are what was carried so far.
func (h *Host) Statistics() tunnel.Statistics { return h.sessions.traffic.With(h.Peer()) }

// Status is what was carried so far, as OpenVPN writes it.
func (h *Host) Status() []byte {
	return profile.Statistics(h.Statistics()).Text(time.Now())
}

// keepStatus writes the status file now, as often as `status` says, and, by
// the function it returns, at the end.
func (h *Host) keepStatus() (stop func()) {
	return profile.KeepStatus(h.cfg.Process, h.log, h.Status)
}
