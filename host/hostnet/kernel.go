package hostnet

import (
	"context"
	"net/netip"
)

// kernel is what this package needs of the operating system. The tests have
// a twin of it in memory. Failures are, or wrap, the errors of errors.go:
// errGone for what is not there, errExists for what is there already.
type kernel interface {
	limits() limits
	watchKernel
	linkKernel
	routeKernel
	fileKernel
	firewallKernel
	nameKernel
	outsideDNSKernel
	fenceKernel
	chosenKernel
}

// limits are the reasons why a system, or this package there, cannot do something;
// nil: it can.
type limits struct {
	forward    error // to be a router
	metric     error // routes with a metric
	txQueueLen error // an adapter's queue of another length
	unkept     error // to put back what is lost of a State
	outsideDNS error // to block names that are asked outside the tunnel
	marks      error // to choose by marks, and routes that refuse
}

// watchKernel says when somebody changed the network.
type watchKernel interface {
	// watch reports changes until ctx ends, those of the file included. An error
	// says which changes are not reported; the channel is valid even then.
	watch(ctx context.Context, file string) (<-chan trigger, error)
	// managers names the running programs that are known to change networks.
	managers() []string
}

// trigger reports that something changed, and who did it, as far as known: "" is nobody
// in particular, such as the kernel itself.
type trigger struct{ by string }

// linkKernel reads and changes adapters.
type linkKernel interface {
	link(device string) (link, error)
	setLink(device string, p property, value int) error
	setHardware(device, mac string) error
	addresses(device string) ([]Address, error)
	addAddress(device string, a Address) error
	delAddress(device string, a Address) error
	// tunnels returns the adapters whose packets other packets carry, with numbers
	// that grow in the order they came up.
	tunnels() (map[string]int, error)
}

// routeKernel reads and changes routing tables.
type routeKernel interface {
	// routes returns those of the main table.
	routes() ([]way, error)
	// routesIn returns those of another table, none if there is no such table.
	routesIn(table int) ([]way, error)
	// wayTo is how dst would be reached without the routes that but picks.
	wayTo(dst netip.Addr, but func(way) bool) (way, error)
	addRoute(w way) error
	delRoute(w way) error
}

// fileKernel reads and changes files and the kernel's settings. A setting is
// named by its path below /proc/sys.
type fileKernel interface {
	setting(name string) (string, error)
	setSetting(name, value string) error
	settingNames(dir string) ([]string, error)
	// readFile says in its second result whether the file exists.
	readFile(path string) ([]byte, bool, error)
	// writeFile writes in place, through symbolic links.
	writeFile(path string, content []byte) error
	removeFile(path string) error
	// fileID identifies a file, whatever its name; "" if there is none or the system
	// has no such number.
	fileID(path string) string
}

// firewallKernel changes this package's own tables and looks at others.
type firewallKernel interface {
	// hasTable reports whether the table is there, with the rules that it was given.
	hasTable(t ruleTable) (bool, error)
	// addTable replaces a table of that name.
	addTable(t ruleTable) error
	delTable(name string) error
	// forwardDrops lists chains that drop packets of these networks which are forwarded
	// from device, or their answers. Without networks, those of any.
	forwardDrops(device string, networks []netip.Prefix) ([]chain, error)
}

// nameKernel talks to the service that takes name servers per link, if there
// is one. Else names are resolved by the resolver's file.
type nameKernel interface {
	// nameService is given what is in the resolver's file.
	nameService(ctx context.Context, file []byte) nameService
	setLinkDNS(ctx context.Context, device string, d DNS) error
	revertLinkDNS(ctx context.Context, device string) error
	// linkNames returns what the service was told of device.
	linkNames(ctx context.Context, device string) (linkNames, error)
	// linkResolvers returns the servers that the service would ask for a name without
	// device, which is "" for none.
	linkResolvers(ctx context.Context, device, name string) (Resolvers, error)
}

// outsideDNSKernel blocks names that are asked outside of a device, for as long as this
// process lives.
type outsideDNSKernel interface {
	blockOutsideDNS(device string, mark uint32) error
	unblockOutsideDNS(device string) error
	outsideDNSBlocked(device string, mark uint32) bool
}

// nameService is a service that takes name servers per link, and what it can.
type nameService struct {
	name  string // "": there is none
	split bool   // it asks a link's servers for some domains only
	ports bool   // servers may have a port other than 53
}

// link is an adapter's state.
type link struct {
	MTU, TxQueueLen int
	Up              bool
	LLAddr          string // MAC address, "" for an adapter that has none
	Group           int
}

// property is one part of an adapter's state.
type property string

const (
	propMTU        property = "mtu"
	propTxQueueLen property = "txqueuelen"
	propUp         property = "up"    // 0 or 1
	propGroup      property = "group" // a number that packet rules can ask for
)

func (l link) value(p property) int {
	switch p {
	case propMTU:
		return l.MTU
	case propTxQueueLen:
		return l.TxQueueLen
	case propGroup:
		return l.Group
	}
	if l.Up {
		return 1
	}
	return 0
}

func (l *link) set(p property, value int) {
	switch p {
	case propMTU:
		l.MTU = value
	case propTxQueueLen:
		l.TxQueueLen = value
	case propGroup:
		l.Group = value
	case propUp:
		l.Up = value != 0
	}
}

// way is a route of the host: a destination and how it is reached.
type way struct {
	Dst    netip.Prefix
	Via    netip.Addr // next hop; not valid: on-link
	Device string     // "" where the kernel has none, as for blackholes
	Index  int        `json:",omitempty"` // the device's, which outlasts its name; 0: not known
	Metric int        // the kernel's, in which defaultMetric6 stands for 0 of IPv6
	Cost   int        `json:"-"`          // what the device adds to the metric, on Windows
	OnLink bool       `json:",omitempty"` // the next hop is reached without a route to it
	Local  bool       `json:",omitempty"` // leads to this host itself
	Table  int        `json:",omitempty"` // 0: the main one
	Refuse bool       `json:",omitempty"` // answers as unreachable
}

func (w way) String() string { return w.Dst.String() + w.how() }

// how returns the way without its destination, as in `ip route`, after a blank.
func (w way) how() string {
	s := ""
	if w.Refuse {
		s = " unreachable"
	}
	if w.Via.IsValid() {
		s += " via " + w.Via.String()
	}
	if w.Device != "" {
		s += " dev " + w.Device
	}
	if w.Metric != metricOf(w.Dst, 0) {
		s += " metric " + itoa(w.Metric)
	}
	s += inTable(w.Table)
	return s
}

// same reports whether the kernel would take both for one route.
func (w way) same(o way) bool {
	return w.Dst == o.Dst && w.Via == o.Via && w.sameDevice(o) && w.Metric == o.Metric && w.Table == o.Table && w.Refuse == o.Refuse
}

func (w way) sameDevice(o way) bool {
	if w.Index != 0 && o.Index != 0 {
		return w.Index == o.Index
	}
	return w.Device == o.Device
}

// metricOf returns a metric as the kernel keeps it.
func metricOf(dst netip.Prefix, metric int) int {
	if metric == 0 && dst.Addr().Is6() {
		return defaultMetric6
	}
	return metric
}

// chain names a packet filter's chain.
type chain struct{ Family, Table, Name string }

// single returns the prefix of one host.
func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
