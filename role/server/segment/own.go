package segment

import (
	"slices"
	"sync/atomic"

	"culvert/nic/frame"
)

// Own says which addresses a client may use, so that it cannot take another station's.
type Own struct {
	Only bool        // it may use only MACs; if there are none, only the first that it uses
	MACs []frame.MAC // kept for it
}

// owned is the Own of a client that is connected.
type owned struct {
	Own
	first atomic.Pointer[frame.MAC] // the first that it used; nil before
}

// allows reports whether the client may use an address.
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

// uses notes an address that the client was allowed to use.
func (o *owned) uses(mac frame.MAC) {
	if o.Only && o.first.Load() == nil {
		o.first.CompareAndSwap(nil, new(mac))
	}
}
