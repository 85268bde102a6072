package segment

import (
	"slices"
	"sync/atomic"

	"culvert/nic/frame"
)

// Own says which addresses are a client's to use, so that it can take no other
// station's.
type Own struct {
	Only bool        // MACs, or without any the first that it uses
	MACs []frame.MAC // kept for it
}

// owned is Own of a client at work.
type owned struct {
	Own
	first atomic.Pointer[frame.MAC] // that it used; nil before
}

// allows reports whether an address is the client's to use.
func (o *owned) allows(mac frame.MAC) bool {
	switch first := o.first.Load(); {
	case !o.Only:
		return true
	case len(o.MACs) > 0:
		return slices.Contains(o.MACs, mac)
	default:
		return first == nil || *first == mac
	}
}

// uses takes note of an address that the client was let use.
func (o *owned) uses(mac frame.MAC) {
	if o.Only && o.first.Load() == nil {
		o.first.CompareAndSwap(nil, new(mac))
	}
}
