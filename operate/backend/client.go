package backend

import (
	"context"
	"net"

	"culvert/config"
	"culvert/role/client"
)

// Client is the Backend of a client. Make it with NewClient and Run it once.
type Client struct {
	onePeer
	role *client.Client
}

var _ Backend = (*Client)(nil)

// NewClient makes a client, as client.New does, with a back end.
func NewClient(c *config.Config, o client.Options, p Process) (*Client, error) {
	cl := &Client{onePeer: onePeer{base: newBase("client", c, p)}}
	o.Open, o.Events = cl.opener(o.Open, cl), cl.happened
	role, err := client.New(c, o)
	if err != nil {
		return nil, err
	}
	cl.role, cl.peer = role, role.Server
	cl.at(role.Road(), cl)
	return cl, nil
}

// Run is the role's.
func (c *Client) Run(ctx context.Context) error { return c.run(ctx, c.role.Run) }

// StatusText is Backend's.
func (c *Client) StatusText(int) []byte { return c.role.Status() }

// Restart is Backend's.
func (c *Client) Restart() { c.role.Restart() }

// DialContext connects through the tunnel. See client.Client.
func (c *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return c.role.DialContext(ctx, network, address)
}
