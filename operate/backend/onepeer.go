package backend

import "culvert/tunnel"

// onePeer is what the back ends of roles with one peer have in common.
type onePeer struct {
	base
	peer func() *tunnel.Peer // nil while there is none
}

// Status is Backend's.
func (o *onePeer) Status() Status { return o.status(o.Peers()) }

// Peers is Backend's.
func (o *onePeer) Peers() []Peer {
	p := o.peer()
	if p == nil {
		return nil
	}
	return []Peer{{
		Name: p.Name(), Remote: p.Path().Remote.String(), Cipher: p.Data.CipherName(), LastHeard: p.Data.LastReceived(),
		BytesIn: p.Counters.LinkIn.Load(), BytesOut: p.Counters.LinkOut.Load(),
	}}
}

// PushUpdate is Backend's.
func (o *onePeer) PushUpdate(Update) (Updated, error) { return Updated{}, ErrUnsupported }
