package hostnet

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// newHost returns this machine, by netlink, nftables, /proc/sys and D-Bus.
func newHost(opts Options) (*host, error) {
	opts = opts.filled()
	self, err := thisProcess()
	if err != nil {
		return nil, err
	}
	here, err := networkNamespace()
	if err != nil {
		return nil, err
	}
	return &host{
		kernel: linux{},
		store: store{dir: opts.StateDir, space: here, alive: owner.alive, sync: (*os.File).Sync,
			gone: func(s space) bool { return s.gone(here, procSpaces{}) }},
		self: self, opts: opts,
	}, nil
}

// DefaultStateDir holds one undo journal per device, unless Options say else.
const DefaultStateDir = "/run/culvert"

const (
	defaultMetric6 = 1024 // for routes of IPv6 without metric
	rights         = "the capability NET_ADMIN; " +
		"run as root, or grant it (AmbientCapabilities=CAP_NET_ADMIN in a systemd unit, --cap-add NET_ADMIN for a container)"
	mendIPv6 = "set net.ipv6.conf.all.disable_ipv6 to 0 to have it"
)

// linux is the kernel of the calling thread's network namespace.
type linux struct{ files }

var _ kernel = linux{}

func (linux) limits() limits { return limits{} }

// dumpTries is how often to ask for a listing that, as the kernel says, changed
// meanwhile.
const dumpTries = 5

func dump[T any](list func() ([]T, error)) ([]T, error) {
	var items []T
	var err error
	for range dumpTries {
		if items, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return items, meaning(err)
}

// meaning turns the kernel's error numbers into this package's errors.
func meaning(err error) error {
	var notFound netlink.LinkNotFoundError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM):
		return ErrPermission
	case errors.As(err, &notFound), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ESRCH),
		errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%w (%w)", errGone, err)
	case errors.Is(err, unix.EEXIST):
		return errExists
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return errNextHop
	}
	return err
}

// meaning6 also knows the error by which the kernel says that IPv6 is off.
func meaning6(addr netip.Addr, err error) error {
	off := errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT)
	if addr.Is6() && off {
		return errNoIPv6
	}
	return meaning(err)
}

func (linux) link(device string) (link, error) {
	l, err := netlink.LinkByName(device)
	if err != nil {
		return link{}, meaning(err)
	}
	a := l.Attrs()
	return link{MTU: a.MTU, TxQueueLen: a.TxQLen, Up: a.Flags&net.FlagUp != 0, LLAddr: a.HardwareAddr.String(), Group: int(a.Group)}, nil
}

func (linux) setLink(device string, p property, value int) error {
	l, err := netlink.LinkByName(device)
	if err != nil {
		return meaning(err)
	}
	switch {
	case p == propMTU:
		err = netlink.LinkSetMTU(l, value)
	case p == propTxQueueLen:
		err = netlink.LinkSetTxQLen(l, value)
	case p == propGroup:
		err = netlink.LinkSetGroup(l, value)
	case value != 0:
		err = netlink.LinkSetUp(l)
	default:
		err = netlink.LinkSetDown(l)
	}
	return meaning(err)
}

func (linux) setHardware(device, mac string) error {
	l, err := netlink.LinkByName(device)
	if err != nil {
		return meaning(err)
	}
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return err
	}
	return meaning(netlink.LinkSetHardwareAddr(l, hw))
}

func (linux) addresses(device string) ([]Address, error) {
	l, err := netlink.LinkByName(device)
	if err != nil {
		return nil, meaning(err)
	}
	list, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(l, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, err
	}
	var as []Address
	for _, a := range list {
		as = append(as, addressOf(a))
	}
	return as, nil
}

func addressOf(a netlink.Addr) Address {
	own, peer := prefixOf(a.IPNet), prefixOf(a.Peer)
	if !peer.IsValid() || peer.Addr() == own.Addr() {
		return Address{Prefix: own, Former: a.Flags&unix.IFA_F_DEPRECATED != 0 && own.IsSingleIP()}
	}
	return Address{Prefix: single(own.Addr()), Peer: peer.Addr()}
}

func (linux) addAddress(device string, a Address) error {
	l, err := netlink.LinkByName(device)
	if err != nil {
		return meaning(err)
	}
	return meaning6(a.Prefix.Addr(), netlink.AddrAdd(l, netlinkAddr(a)))
}

func (linux) delAddress(device string, a Address) error {
	l, err := netlink.LinkByName(device)
	if err != nil {
		return meaning(err)
	}
	return meaning(netlink.AddrDel(l, netlinkAddr(a)))
}

// netlinkAddr leaves out duplicate address detection: the other end of a
// tunnel is the one that leased the address.
func netlinkAddr(a Address) *netlink.Addr {
	n := &netlink.Addr{IPNet: ipNet(a.Prefix)}
	if a.Peer.IsValid() {
		n.IPNet, n.Peer = ipNet(single(a.Prefix.Addr())), ipNet(single(a.Peer))
	}
	if a.Prefix.Addr().Is6() {
		n.Flags = unix.IFA_F_NODAD
	}
	if a.Former {
		n.PreferedLft, n.ValidLft = 0, math.MaxInt32 // it is deprecated (RFC 4862, 5.5.4), for 68 years
	}
	return n
}

func (linux) routes() ([]way, error) { return waysIn(unix.RT_TABLE_MAIN) }

func (linux) routesIn(table int) ([]way, error) {
	ways, err := waysIn(table)
	for i := range ways {
		ways[i].Table = table
	}
	return ways, err
}

func waysIn(table int) ([]way, error) {
	names, err := deviceNames()
	if err != nil {
		return nil, err
	}
	var ways []way
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := tableOf(family, table, names)
		if err != nil {
			return nil, err
		}
		ways = append(ways, list...)
	}
	return ways, nil
}

// tableOf lists one routing table.
func tableOf(family, table int, names map[int]string) (ways []way, err error) {
	list, err := dump(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
	})
	for _, r := range list {
		ways = append(ways, wayOf(r, family, names))
	}
	return ways, err
}

// tunnelKinds are the kinds of link whose packets other packets carry
// (IFLA_INFO_KIND, ip-link(8)). PPP is not among them: most often it is a real line.
var tunnelKinds = []string{"tun", "tuntap", "wireguard", "ovpn", "ovpn-dco", "ipip", "sit", "gre", "gretap", "ip6gre", "ip6gretap", "ip6tnl", "vti", "vti6", "xfrm"}

func (linux) tunnels() (map[string]int, error) {
	links, err := dump(netlink.LinkList)
	if err != nil {
		return nil, err
	}
	list := map[string]int{}
	for _, l := range links {
		if slices.Contains(tunnelKinds, l.Type()) {
			list[l.Attrs().Name] = l.Attrs().Index
		}
	}
	return list, nil
}

func deviceNames() (map[int]string, error) {
	links, err := dump(netlink.LinkList)
	if err != nil {
		return nil, err
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	return names, nil
}

func wayOf(r netlink.Route, family int, names map[int]string) way {
	w := way{Dst: prefixOf(r.Dst), Via: addrOf(r.Gw), Device: names[r.LinkIndex], Index: r.LinkIndex, Metric: r.Priority, Local: r.Type == unix.RTN_LOCAL}
	if v, ok := r.Via.(*netlink.Via); ok {
		w.Via = addrOf(v.Addr)
	}
	if len(r.MultiPath) > 0 {
		first := r.MultiPath[0]
		w.Device, w.Index, w.Via = names[first.LinkIndex], first.LinkIndex, addrOf(first.Gw)
	}
	if !w.Dst.IsValid() {
		w.Dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if family == netlink.FAMILY_V6 {
			w.Dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	if r.Type != unix.RTN_UNICAST && !w.Local {
		w.Device = "" // a blackhole or the like, whose device means nothing
		w.Refuse = r.Type == unix.RTN_UNREACHABLE
	}
	w.OnLink = r.Flags&int(netlink.FLAG_ONLINK) != 0
	return w
}

func (linux) addRoute(w way) error {
	r, err := netlinkRoute(w)
	if err != nil {
		return err
	}
	return meaning6(w.Dst.Addr(), netlink.RouteAdd(r))
}

func (linux) delRoute(w way) error {
	r, err := netlinkRoute(w)
	if err != nil {
		return err
	}
	return meaning(netlink.RouteDel(r))
}

func netlinkRoute(w way) (*netlink.Route, error) {
	if w.Refuse {
		return &netlink.Route{Dst: ipNet(w.Dst), Priority: w.Metric, Table: cmp.Or(w.Table, unix.RT_TABLE_MAIN), Protocol: unix.RTPROT_STATIC, Type: unix.RTN_UNREACHABLE}, nil
	}
	index, err := indexOf(w)
	if err != nil {
		return nil, err
	}
	r := &netlink.Route{
		LinkIndex: index, Dst: ipNet(w.Dst), Priority: w.Metric,
		Table: cmp.Or(w.Table, unix.RT_TABLE_MAIN), Protocol: unix.RTPROT_STATIC,
	}
	switch {
	case !w.Via.IsValid():
		if w.Dst.Addr().Is4() {
			r.Scope = netlink.SCOPE_LINK
		}
	case w.Via.Is6() && w.Dst.Addr().Is4(): // RFC 5549
		r.Via = &netlink.Via{AddrFamily: unix.AF_INET6, Addr: w.Via.AsSlice()}
	default:
		r.Gw = w.Via.AsSlice()
	}
	if w.OnLink {
		r.Flags = int(netlink.FLAG_ONLINK)
	}
	return r, nil
}

// indexOf returns the index of a route's device, which may have another name by now.
func indexOf(w way) (int, error) {
	if w.Index != 0 {
		return w.Index, nil
	}
	l, err := netlink.LinkByName(w.Device)
	if err != nil {
		return 0, meaning(err)
	}
	return l.Attrs().Index, nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(addrOf(n.IP), bits)
}

func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

const procSys = "/proc/sys"

func (linux) setting(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(procSys, name))
	return strings.TrimSpace(string(b)), meaningFile(err)
}

func (linux) setSetting(name, value string) error {
	return meaningFile(os.WriteFile(filepath.Join(procSys, name), []byte(value), 0))
}

func (linux) settingNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(procSys, dir))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, meaningFile(err)
}

// meaningFile leaves EPERM as it is: on a file it does not mean NET_ADMIN.
func meaningFile(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errGone
	case errors.Is(err, unix.EROFS):
		return errReadOnly
	}
	return err
}
