package client

import (
	"time"

	"culvert/role/profile"
	"culvert/tunnel"
)

// Statistics are what was carried so far.
func (c *Client) Statistics() tunnel.Statistics { return c.traffic.With(c.peer.Load()) }

// Status is the statistics as OpenVPN writes them.
func (c *Client) Status() []byte { return profile.Statistics(c.Statistics()).Text(time.Now()) }

// keepStatus writes the status file now, as often as `status` says, and, by
// the function it returns, at the end.
func (c *Client) keepStatus() (stop func()) {
	return profile.KeepStatus(c.cfg.Process, c.log, c.Status)
}
