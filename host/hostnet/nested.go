package hostnet

import "slices"

// nested are the tunnels of this host that lead, or may lead, through the adapter of an
// Applied: those of other culvert processes whose way past their tunnel does, and any
// that came up later, when the adapter had the host's routes. A way past this tunnel
// must not lead into one of them, or each would carry the other's packets for ever.
type nested struct {
	newest int      // the index of the last tunnel that was there before
	under  []string // devices that ways past this tunnel have led to
}

// since counts the tunnels that come up from now on.
func (n *nested) since(k linkKernel) error {
	tunnels, err := k.tunnels()
	for _, index := range tunnels {
		n.newest = max(n.newest, index)
	}
	return err
}

// leads notes that a way past this tunnel leads to a device. A tunnel of that name is
// below this one, even if it goes down and comes up again.
func (n *nested) leads(c change) {
	if r, ok := c.(*routeChange); ok && r.Bypass && !slices.Contains(n.under, r.Way.Device) {
		n.under = append(n.under, r.Way.Device)
	}
}

// list names them, without device itself.
func (n *nested) list(k linkKernel, device string, others []*journal) (names []string, err error) {
	tunnels, err := k.tunnels()
	for name, index := range tunnels {
		if index > n.newest && !slices.Contains(n.under, name) {
			names = append(names, name)
		}
	}
	for _, j := range others {
		if slices.ContainsFunc(j.changes, func(c change) bool { return pinsThrough(c, device) }) {
			names = append(names, j.Device)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == device }), err
}

func pinsThrough(c change, device string) bool {
	r, ok := c.(*routeChange)
	return ok && r.Bypass && r.Way.Device == device
}
