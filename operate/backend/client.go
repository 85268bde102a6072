package backend

import (
	"context"
	"net/netip"
	"sync/atomic"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/role/client"
	"culvert/role/event"
)

// Client is the Backend of a client. Make it with NewClient and Run it once.
type Client struct {
	onePeer
	controls client.Controls
	up       atomic.Bool // there is a connection
	adopt    func(*config.Config) error
	adapter  func() *bringup.Adapter // nil while there is none
	settled  func() *config.Config   // nil while there was no connection
	only     config.Choice
	except   config.Choice
}

var _ Backend = (*Client)(nil)

// NewClient makes a client, as client.New does, with a back end.
func NewClient(c *config.Config, o client.Options, p Process) (*Client, error) {
	cl := &Client{onePeer: onePeer{base: newBase("client", c, p)}, only: c.Routing.Only, except: c.Routing.Except}
	o.Open, o.Events = cl.opener(o.Open, cl), cl.follow
	role, err := client.New(c, o)
	if err != nil {
		return nil, err
	}
	cl.role, cl.peer, cl.controls, cl.adopt, cl.adapter = role, role.Server, role.Controls(), role.Adopt, role.Adapter
	cl.settled = func() *config.Config { return client.SettledBy(role) }
	cl.at(role.Road(), cl)
	return cl, nil
}

// Status is Backend's.
func (c *Client) Status() Status {
	s := c.status(c.Peers())
	if !c.only.Empty() || !c.except.Empty() {
		s.Chosen = &Chosen{Only: c.only.List(), Except: c.except.List()}
		if a := c.adapter(); a != nil {
			var trouble error
			if s.Chosen.Addresses, trouble = a.Learned(); trouble != nil {
				s.Chosen.Trouble = trouble.Error()
			}
		}
	}
	return s
}

// Peers is Backend's: the server, and one that was left, while it is kept.
func (c *Client) Peers() []Peer {
	peers := c.onePeer.Peers()
	if p, from := c.controls.Former(); p != nil {
		kept := peerOf(p)
		kept.KeptFor = from
		peers = append(peers, kept)
	}
	return peers
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
func (c *Client) Adopt(to *config.Config) error { return c.adopting(to, c.adopt) }

// LookupNetIP resolves a name by the servers that were pushed, for a client whose adapter is
// in user space. The network is ip, ip4 or ip6. It fails as DialContext does.
func (c *Client) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	a := c.adapter()
	if a == nil || a.Stack == nil {
		return nil, bringup.ErrNotConnected
	}
	return a.Stack.LookupNetIP(ctx, network, host)
}

// Controls are what a program that manages a client may do to it.
func (c *Client) Controls() client.Controls { return c.controls }
