package backend

import (
	"culvert/config"
	"culvert/role/p2p"
)

// Host is the Backend of one of two hosts without server mode (p2p). Make it with
// NewHost and Run it once.
type Host struct{ onePeer }

var _ Backend = (*Host)(nil)

// NewHost makes a host, as p2p.New does, with a back end.
func NewHost(c *config.Config, o p2p.Options, p Process) (*Host, error) {
	h := &Host{onePeer: onePeer{base: newBase("p2p", c, p)}}
	o.Open, o.Events = h.opener(o.Open, h), h.happened
	role, err := p2p.New(c, o)
	if err != nil {
		return nil, err
	}
	h.role, h.peer = role, role.Peer
	h.at(role.Road(), h)
	return h, nil
}
