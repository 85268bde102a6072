package client

import (
	"time"

	"culvert/role/profile"
	"culvert/tunnel"
)

// Statistics are what was carried so far.
func (c *Client) Statistics() tunnel.Statistics { return c.sessions.statistics() }

// Status is the statistics as OpenVPN writes them.
func (c *Client) Status() []byte { return profile.Statistics(c.Statistics()).Text(time.Now()) }
