package hostnet

import (
	"context"
	"net/netip"
)

// kernel is what this package needs of the operating system. The tests have
// a twin of it in memory. Failures are, or wrap, the errors of errors.go:
// errGone for what is not there, errExists for what is there already.
type kernel interface {
	linkKernel
	routeKernel
	fileKernel
	firewallKernel
	resolvedKernel
}

// linkKernel reads and changes adapters.
type linkKernel interface {
	link(device string) (link, error)
	setLink(device string, p property, value int) error
	setHardware(device, mac string) error
	addresses(device string) ([]Address, error)
	addAddress(device string, a Address) error
	delAddress(device string, a Address) error
}

// routeKernel reads and changes the main routing table.
type routeKernel interface {
	routes() ([]way, error)
	wayTo(dst netip.Addr) (way, error)
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
}

// firewallKernel changes this package's own tables and looks at others.
type firewallKernel interface {
	hasTable(name string) (bool, error)
	// addTable replaces a table of that name.
	addTable(name, device string, masquerade []netip.Prefix) error
	delTable(name string) error
	// forwardDrops lists chains that drop forwarded packets by policy and
	// have no rule that accepts those of device.
	forwardDrops(device string) ([]chain, error)
}

// resolvedKernel talks to systemd-resolved.
type resolvedKernel interface {
	hasResolved(ctx context.Context) bool
	setLinkDNS(ctx context.Context, device string, d DNS) error
	revertLinkDNS(ctx context.Context, device string) error
}

// link is an adapter's state.
type link struct {
	MTU, TxQueueLen int
	Up              bool
	LLAddr          string // MAC address, "" for an adapter that has none
}

// property is one part of an adapter's state.
type property string

const (
	propMTU        property = "mtu"
	propTxQueueLen property = "txqueuelen"
	propUp         property = "up" // 0 or 1
)

func (l link) value(p property) int {
	switch p {
	case propMTU:
		return l.MTU
	case propTxQueueLen:
		return l.TxQueueLen
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
	case propUp:
		l.Up = value != 0
	}
}

// way is a route of the host: a destination and how it is reached.
type way struct {
	Dst    netip.Prefix
	Via    netip.Addr // next hop; not valid: on-link
	Device string     // "" where the kernel has none, as for blackholes
	Metric int        // the kernel's: for IPv6, 1024 stands for 0
	OnLink bool       `json:",omitempty"` // the next hop is reached without a route to it
	Local  bool       `json:",omitempty"` // leads to this host itself
}

func (w way) String() string { return w.Dst.String() + w.how() }

// how is the way without its destination, as in `ip route`, led by a blank.
func (w way) how() string {
	s := ""
	if w.Via.IsValid() {
		s += " via " + w.Via.String()
	}
	if w.Device != "" {
		s += " dev " + w.Device
	}
	if w.Metric != metricOf(w.Dst, 0) {
		s += " metric " + itoa(w.Metric)
	}
	return s
}

// same tells whether the kernel would take both for one route.
func (w way) same(o way) bool {
	return w.Dst == o.Dst && w.Via == o.Via && w.Device == o.Device && w.Metric == o.Metric
}

// metricOf gives a metric as the kernel keeps it: IPv6 has no metric 0.
func metricOf(dst netip.Prefix, metric int) int {
	if metric == 0 && dst.Addr().Is6() {
		return 1024
	}
	return metric
}

// chain names a packet filter's chain.
type chain struct{ Family, Table, Name string }

// single is the prefix of one host.
func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
