package backend

import (
	"sync/atomic"

	"culvert/config"
	"culvert/role/client"
	"culvert/role/event"
)

// Client is the Backend of a client. Make it with NewClient and Run it once.
type Client struct {
	onePeer
	controls client.Controls
	up       atomic.Bool // there is a connection
	adopt    func(*config.Config) error
}

var _ Backend = (*Client)(nil)

// NewClient makes a client, as client.New does, with a back end.
func NewClient(c *config.Config, o client.Options, p Process) (*Client, error) {
	cl := &Client{onePeer: onePeer{base: newBase("client", c, p)}}
	o.Open, o.Events = cl.opener(o.Open, cl), cl.follow
	role, err := client.New(c, o)
	if err != nil {
		return nil, err
	}
	cl.role, cl.peer, cl.controls, cl.adopt = role, role.Server, role.Controls(), role.Adopt
	cl.at(role.Road(), cl)
	return cl, nil
}

// follow is happened, and notes whether there is a connection.
func (c *Client) follow(e event.Event) {
	switch e.(type) {
	case event.Up:
		c.up.Store(true)
	case event.Lost, event.Reconnecting, event.Ended:
		c.up.Store(false)
	}
	c.happened(e)
}

// Adopt is the role's.
func (c *Client) Adopt(to *config.Config) error { return c.adopt(to) }

// Controls are what a program that manages a client may do to it.
func (c *Client) Controls() client.Controls { return c.controls }
