package hostnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Plan is the ordered difference between a State and a host.
type Plan struct {
	changes  []change
	failures []Failure // known before anything is tried
}

// String is one line per change, and then one for each that cannot be made.
func (p Plan) String() string {
	var b strings.Builder
	for _, c := range p.changes {
		fmt.Fprintln(&b, c)
	}
	for _, f := range p.failures {
		fmt.Fprintln(&b, "not possible:", f)
	}
	return b.String()
}

// observed is what a plan needs to know of the host.
type observed struct {
	link      link
	addresses []Address
	routes    *table // the main one, and those that routes are wanted in
	limits    limits
	ways      map[netip.Prefix]way // how the destinations to bypass are reached; none: not at all
	lost      []way                // routes that are gone although their addresses are there
	settings  map[string]string    // by path below /proc/sys
	table     bool                 // a whole table of this package for the device
	drops     []chain              // that drop what would be forwarded
	resolver  resolver             // how this host resolves names

	outsideDNSBlocked bool // names asked outside the tunnel

	chosen
}

// chosen is what a plan needs to know for State.Chosen.
type chosen struct {
	rules    []rule
	noRules6 bool // this kernel has no rules of IPv6
	past     []way
	groups   map[string]bool // control groups that are there
	noGroups error           // why there are none
	uids     map[string]uint32
	marking  bool // the table that marks
}

// resolver is how the host resolves names.
type resolver struct {
	service nameService // it takes name servers per link
	told    linkNames   // that it was told of the adapter
	known   bool        // told says so
	path    string
	content []byte
	exists  bool
	file    string // which one it is (fileID)
}

// planner collects a Plan.
type planner struct {
	want    State
	is      observed
	planned map[netip.Prefix][]way
	Plan
}

// newPlan compares without asking the host anything.
func newPlan(want State, is observed) Plan {
	p := &planner{want: want, is: is, planned: map[netip.Prefix][]way{}}
	p.planLink()
	p.planAddresses()
	p.planFormer()
	p.planChosen()
	p.planRoutes()
	p.planForward()
	p.planDNS()
	p.planOutsideDNS()
	return p.Plan
}

func (p *planner) add(c change)   { p.changes = append(p.changes, c) }
func (p *planner) fail(f Failure) { p.failures = append(p.failures, f) }

func (p *planner) planLink() {
	p.planProperty(propMTU, p.want.MTU)
	if why := p.is.limits.txQueueLen; why != nil && p.want.TxQueueLen != 0 {
		p.fail(Failure{What: "queue length of " + p.want.Device, Err: why})
	} else {
		p.planProperty(propTxQueueLen, p.want.TxQueueLen)
	}
	p.planHardware()
	if p.want.Fenced {
		p.planProperty(propGroup, fencedGroup)
	}
	p.planAdvertised() // before the first advertisement comes
	p.planProperty(propUp, 1)
}

func (p *planner) planProperty(what property, set int) {
	if was := p.is.link.value(what); set != 0 && set != was {
		p.add(&linkChange{Device: p.want.Device, Property: what, Set: set, Was: was})
	}
}

func (p *planner) planAddresses() {
	for i, a := range p.want.Addresses {
		if !slices.Contains(p.is.addresses, a) && !slices.Contains(p.want.Addresses[:i], a) {
			p.add(&addressChange{Device: p.want.Device, Address: a})
		}
	}
}

// planRoutes puts the bypasses first: once the rest stands, it may lead
// their destinations into the tunnel.
func (p *planner) planRoutes() {
	var bypasses []way
	routes := slices.Clone(p.is.lost)
	for _, r := range p.want.Routes {
		if r.Bypass && p.overruled(r) {
			continue
		}
		if r.Bypass {
			bypasses = append(bypasses, p.bypass(r)...)
		} else if w := p.wayOf(r); !p.follows(w) {
			routes = append(routes, w)
		}
	}
	if p.want.BlockLocal {
		gateways, halves := p.blockLocal()
		bypasses, routes = append(bypasses, gateways...), append(routes, halves...)
	}
	for _, w := range bypasses {
		p.planRoute(w, true)
	}
	for _, w := range routes {
		p.planRoute(w, false)
	}
}

func (p *planner) wayOf(r Route) way {
	w := way{Dst: r.Dst.Masked(), Via: r.Via, Device: r.Device, Metric: p.metric(r), Table: r.Table}
	if r.Refuse && p.is.limits.marks == nil {
		w.Via, w.Refuse = netip.Addr{}, true
		return w
	}
	if w.Device == "" {
		w.Device, w.Index = p.towards(r.Via)
	}
	return w
}

// towards returns the device of a next hop. If the next hop is on a network of the host
// and not of the tunnel, that is another device than the adapter, with its index.
func (p *planner) towards(hop netip.Addr) (device string, index int) {
	inside := func(a Address) bool { return a.Prefix.Masked().Contains(hop) || a.Peer == hop }
	if hop.IsValid() && !slices.ContainsFunc(p.want.Addresses, inside) {
		own := func(w way) bool { return w.Device == p.want.Device }
		if w, ok := longestMatch(p.is.routes.all(), hop, own); ok && isLocal(w) {
			return w.Device, w.Index
		}
	}
	return p.want.Device, 0
}

// metric returns the metric of a route. If the system has none, the plan says so once.
func (p *planner) metric(r Route) int {
	why := p.is.limits.metric
	if r.Metric == 0 || why == nil {
		return metricOf(r.Dst, r.Metric)
	}
	f := Failure{What: "route metrics", Err: why}
	if !slices.Contains(p.failures, f) {
		p.fail(f)
	}
	return metricOf(r.Dst, 0)
}

// overruled reports whether a `net_gateway` route says how r's destination is
// to bypass the tunnel.
func (p *planner) overruled(r Route) bool {
	return !r.NetGateway && slices.ContainsFunc(p.want.Routes, func(o Route) bool { return o.NetGateway && o.Dst == r.Dst })
}

// follows reports whether the kernel adds w by itself, with an address.
func (p *planner) follows(w way) bool {
	return w.Table == 0 && w.Device == p.want.Device && slices.ContainsFunc(p.want.Addresses, func(a Address) bool {
		if a.Peer.IsValid() {
			return w.Dst == netip.PrefixFrom(a.Peer, a.Peer.BitLen())
		}
		return w.Dst == a.Prefix.Masked()
	})
}

// bypass returns the routes that pin a destination to its way past the tunnel. There
// are none for this host, or a link-local address of IPv6, whose senders name the
// adapter.
func (p *planner) bypass(r Route) []way {
	dst := r.Dst.Masked()
	if dst.Addr().Is6() && dst.Addr().IsLinkLocalUnicast() {
		return nil
	}
	now, ok := p.is.ways[dst]
	if r.NetGateway {
		now, ok = p.defaultRoute(dst)
	}
	if !ok && r.OrRefuse && p.is.limits.marks == nil {
		return []way{{Dst: dst, Metric: p.metric(r), Table: r.Table, Refuse: true}}
	}
	if !ok {
		p.fail(routeFailure(dst, errNoRoute))
		return nil
	}
	if now.Local {
		return nil
	}
	return []way{{Dst: dst, Via: now.Via, Device: now.Device, Index: now.Index, Metric: p.metric(r), Table: r.Table, OnLink: now.Via.IsValid()}}
}

// defaultRoute returns the host's default route of dst's family, whatever other routes
// there are.
func (p *planner) defaultRoute(dst netip.Prefix) (way, bool) {
	special := func(w way) bool { return w.Dst.Bits() > 0 || w.Device == p.want.Device }
	return longestMatch(p.is.routes.all(), dst.Addr(), special)
}

func (p *planner) planRoute(w way, bypass bool) {
	there := p.is.routes.only(w.Dst, w.Table)
	if slices.ContainsFunc(p.planned[w.Dst], w.same) || slices.ContainsFunc(there, w.same) {
		return
	}
	if other, taken := taken(w, there); taken && !bypass {
		p.fail(clash(w, other))
		return
	}
	if i := slices.IndexFunc(p.planned[w.Dst], func(o way) bool { return o.Table == w.Table && o.Metric == w.Metric }); i >= 0 && !bypass {
		p.fail(clash(w, p.planned[w.Dst][i])) // as with a route into the tunnel to its server
		return
	}
	p.planned[w.Dst] = append(p.planned[w.Dst], w)
	p.add(&routeChange{Way: w, Bypass: bypass})
}

// taken finds the route that w would clash with, among those to the same
// destination: one at least as strong.
func taken(w way, routes []way) (way, bool) {
	for _, other := range routes {
		if other.Metric <= w.Metric {
			return other, true
		}
	}
	return way{}, false
}

// longestMatch finds the way to dst among the routes of a table, without those
// that but picks.
func longestMatch(table []way, dst netip.Addr, but func(way) bool) (way, bool) {
	var best way
	for _, w := range table {
		if w.Device == "" || !w.Dst.Contains(dst) || but(w) {
			continue
		}
		if best.Device == "" || w.Dst.Bits() > best.Dst.Bits() || w.Dst.Bits() == best.Dst.Bits() && w.Metric+w.Cost < best.Metric+best.Cost {
			best = w
		}
	}
	return best, best.Device != ""
}

func itoa(n int) string { return strconv.Itoa(n) }
