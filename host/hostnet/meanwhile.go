package hostnet

import (
	"context"
	"math"
	"net/netip"
	"runtime"
)

// Routes and addresses of an adapter that give way to others are taken away before those are
// added. What keeps packets in the tunnel meanwhile is a route to each destination by the
// adapter alone, behind all others, and an address without which Linux takes away all IPv4
// routes with the last address.

// meanwhileMetric is the metric of these routes.
const meanwhileMetric = math.MaxInt32

// meanwhileAddress is the dummy address (RFC 7600, 4.8).
var meanwhileAddress = Address{Prefix: netip.MustParsePrefix("192.0.0.8/32")}

// meanwhile returns what is to be there while a device's routes give way to others. All of
// it can be journalled as any change, and goes afterwards.
func (d *difference) meanwhile(device string) (list []change) {
	if runtime.GOOS != "linux" {
		return nil
	}
	comes, stale := inTunnel(d.missing(), device), d.stale()
	var readdressed bool
	for _, c := range d.held {
		switch c := c.(type) {
		case *routeChange:
			if way, ok := comes[destination{c.Way.Dst, c.Way.Table}]; ok && stale(c) && c.Way.Device == device {
				list = append(list, &routeChange{Way: way})
			}
		case *addressChange:
			readdressed = readdressed || stale(c) && c.Address.Prefix.Addr().Is4()
		}
	}
	if readdressed && len(inTunnel(d.plan.changes, device)) > 0 {
		list = append([]change{&addressChange{device, meanwhileAddress}}, list...)
	}
	return list
}

// destination is what a route is to, in a table.
type destination struct {
	Dst   netip.Prefix
	Table int
}

// inTunnel returns the destinations of the routes among changes that lead into a tunnel's
// device, with the way by the device alone.
func inTunnel(changes []change, device string) map[destination]way {
	all := map[destination]way{}
	for _, c := range changes {
		if r, ok := c.(*routeChange); ok && !r.Bypass && !r.Way.Refuse && r.Way.Device == device {
			all[destination{r.Way.Dst, r.Way.Table}] = way{Dst: r.Way.Dst, Device: device, Table: r.Way.Table, Metric: meanwhileMetric}
		}
	}
	return all
}

// hold makes changes that stay until letGo, as far as they can be made: without them, the
// update is no worse than that packets leave by other ways for a moment.
func (a *Applied) hold(ctx context.Context, changes []change) {
	if len(changes) == 0 || a.announce(changes) != nil {
		return
	}
	for _, c := range changes {
		if err := a.one(ctx, c); err != nil {
			a.host.opts.Logger.Debug("not there for the time of an update", "change", c.String(), "why", err)
		}
	}
}

// letGo undoes what hold made.
func (a *Applied) letGo(ctx context.Context, changes []change, others []*journal) error {
	if len(changes) == 0 {
		return nil
	}
	return a.undo(context.WithoutCancel(ctx), setOf(changes).has, others, func([]told) {})
}

// butNot picks those that pick does, without some.
func butNot(pick func(change) bool, some []change) func(change) bool {
	kept := setOf(some)
	return func(c change) bool { return pick(c) && !kept.has(c) }
}
