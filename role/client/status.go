package client

import (
	"time"

	"culvert/config"
	"culvert/role/profile"
	"culvert/tunnel"
)

// Statistics are what was carried so far.
func (c *Client) Statistics() tunnel.Statistics { return c.sessions.statistics() }

// SettledBy returns the configuration of a client with what its server pushed last, nil while
// none has. It stays after the connection, as the adapter does.
func SettledBy(c *Client) *config.Config { return c.goesBy.Load() }

// Status is the statistics as OpenVPN writes them.
func (c *Client) Status() []byte { return profile.Statistics(c.Statistics()).Text(time.Now()) }
