package hostnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// DefaultStateDir holds one undo journal per device, unless Options say else.
var DefaultStateDir = defaultStateDir()

const (
	defaultMetric6 = 0
	rights         = "an administrator's rights: start it from a prompt that was run as administrator"
	mendIPv6       = "tick Internet Protocol Version 6 in the adapter's properties to have it"
)

func defaultStateDir() string {
	data, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DEFAULT)
	if err != nil {
		data = `C:\ProgramData`
	}
	return filepath.Join(data, "culvert")
}

// newHost returns this machine, by the IP Helper API.
func newHost(opts Options) (*host, error) {
	opts = opts.filled()
	self, err := thisProcess()
	if err != nil {
		return nil, err
	}
	return &host{
		kernel: windowsKernel{outsideDNS: new(outsideDNS)},
		store:  store{dir: opts.StateDir, space: hostSpace, alive: owner.alive, sync: syncFile},
		self:   self, opts: opts,
	}, nil
}

// windowsKernel is the kernel of Windows.
type windowsKernel struct {
	files
	limited
	*outsideDNS
}

var _ kernel = windowsKernel{}

func (windowsKernel) limits() limits {
	return limits{forward: errNoForwarding, txQueueLen: errNoQueue, unkept: errUnkept, marks: errNoMarks}
}

// meaning turns the system's error numbers into this package's errors.
func meaning(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return ErrPermission
	case errors.Is(err, windows.ERROR_NOT_FOUND), errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		return fmt.Errorf("%w (%w)", errGone, err)
	case errors.Is(err, windows.ERROR_OBJECT_ALREADY_EXISTS), errors.Is(err, windows.ERROR_ALREADY_EXISTS):
		return errExists
	case errors.Is(err, windows.ERROR_NETWORK_UNREACHABLE), errors.Is(err, windows.ERROR_HOST_UNREACHABLE):
		return errNextHop
	}
	return err
}

// byName finds an adapter by its name in the control panel.
func byName(device string) (*net.Interface, winipcfg.LUID, error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return nil, 0, fmt.Errorf("%w (%w)", errGone, err)
	}
	luid, err := winipcfg.LUIDFromIndex(uint32(i.Index))
	return i, luid, meaning(err)
}

// families are those of IP. An adapter may lack either.
var families = []winipcfg.AddressFamily{windows.AF_INET, windows.AF_INET6}

// link is always up: an adapter of Wintun is while its program runs.
func (windowsKernel) link(device string) (link, error) {
	i, luid, err := byName(device)
	if err != nil {
		return link{}, err
	}
	l := link{MTU: i.MTU, Up: true, LLAddr: i.HardwareAddr.String()}
	if row, err := luid.IPInterface(windows.AF_INET); err == nil {
		l.MTU = int(row.NLMTU)
	}
	return l, nil
}

const minMTU6 = 1280 // RFC 8200 section 5

func (windowsKernel) setLink(device string, p property, value int) error {
	_, luid, err := byName(device)
	if err != nil {
		return err
	}
	switch p {
	case propTxQueueLen:
		return errNoQueue
	case propUp:
		return nil
	}
	for _, family := range families {
		row, err := luid.IPInterface(family)
		if errors.Is(err, windows.ERROR_NOT_FOUND) || family == windows.AF_INET6 && value < minMTU6 {
			continue
		}
		if err != nil {
			return meaning(err)
		}
		row.NLMTU = uint32(value)
		if err := row.Set(); err != nil {
			return meaning(err)
		}
	}
	return nil
}

func (windowsKernel) addresses(device string) ([]Address, error) {
	i, _, err := byName(device)
	if err != nil {
		return nil, err
	}
	addrs, err := i.Addrs()
	return addressesOf(addrs), err
}

// addAddress adds the route to a peer as well. Those to networks Windows adds.
func (k windowsKernel) addAddress(device string, a Address) error {
	_, luid, err := byName(device)
	if err != nil {
		return err
	}
	err = meaning(luid.AddIPAddress(a.stated()))
	if errors.Is(err, errGone) && a.Prefix.Addr().Is6() {
		return errNoIPv6
	}
	if err != nil && !errors.Is(err, errExists) || !a.Peer.IsValid() {
		return err
	}
	err = k.addRoute(connected(device, a))
	if err == nil || errors.Is(err, errExists) {
		return nil
	}
	return errors.Join(err, meaning(luid.DeleteIPAddress(a.stated())))
}

func (k windowsKernel) delAddress(device string, a Address) error {
	_, luid, err := byName(device)
	if err != nil {
		return err
	}
	if a.Peer.IsValid() {
		if err := k.delRoute(connected(device, a)); err != nil && !errors.Is(err, errGone) {
			return err
		}
	}
	return meaning(luid.DeleteIPAddress(a.stated()))
}

// routes leaves out those to this host itself, to multicast and broadcast.
func (windowsKernel) routes() ([]way, error) {
	rows, err := winipcfg.GetIPForwardTable2(windows.AF_UNSPEC)
	if err != nil {
		return nil, meaning(err)
	}
	devices, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	names := map[uint32]string{}
	for _, d := range devices {
		if d.Flags&net.FlagLoopback == 0 {
			names[uint32(d.Index)] = d.Name
		}
	}
	costs, err := interfaceMetrics()
	if err != nil {
		return nil, err
	}
	var ways []way
	for i := range rows {
		r := &rows[i]
		dst := r.DestinationPrefix.Prefix()
		device := names[r.InterfaceIndex]
		if r.Loopback || device == "" || !dst.IsValid() || dst.Addr().IsMulticast() || dst.Addr() == broadcast {
			continue
		}
		w := way{Dst: dst, Device: device, Metric: int(r.Metric), Cost: costs[costOf(r.InterfaceLUID, dst.Addr())]}
		if via := r.NextHop.Addr().WithZone(""); !via.IsUnspecified() {
			w.Via = via
		}
		ways = append(ways, w)
	}
	return ways, nil
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// costKey names an adapter in one family.
type costKey struct {
	luid winipcfg.LUID
	is6  bool
}

func costOf(luid winipcfg.LUID, a netip.Addr) costKey { return costKey{luid, a.Is6()} }

// interfaceMetrics are what Windows adds to the metric of an adapter's routes.
func interfaceMetrics() (map[costKey]int, error) {
	rows, err := winipcfg.GetIPInterfaceTable(windows.AF_UNSPEC)
	if err != nil {
		return nil, meaning(err)
	}
	metrics := map[costKey]int{}
	for i := range rows {
		metrics[costKey{rows[i].InterfaceLUID, rows[i].Family == windows.AF_INET6}] = int(rows[i].Metric)
	}
	return metrics, nil
}

// wayTo need not ask the system: there are no rules besides the routes.
func (k windowsKernel) wayTo(dst netip.Addr, but func(way) bool) (way, error) {
	return wayIn(k, dst, but)
}

func (windowsKernel) addRoute(w way) error {
	_, luid, err := byName(w.Device)
	if err != nil {
		return err
	}
	return meaning(luid.AddRoute(w.Dst, nextHop(w), uint32(w.Metric)))
}

func (windowsKernel) delRoute(w way) error {
	_, luid, err := byName(w.Device)
	if err != nil {
		return err
	}
	return meaning(luid.DeleteRoute(w.Dst, nextHop(w)))
}

// nextHop is the unspecified address on a device's own network.
func nextHop(w way) netip.Addr {
	switch {
	case w.Via.IsValid():
		return w.Via
	case w.Dst.Addr().Is6():
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// syncFile brings a file to the disk. Windows does so for directories itself.
func syncFile(f *os.File) error {
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return err
	}
	return f.Sync()
}
