//go:build darwin || freebsd || openbsd

package hostnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"culvert/host/hostnet/bsd"
)

// DefaultStateDir holds one undo journal per device, unless Options say else.
// These systems empty /var/run at their start.
const DefaultStateDir = "/var/run/culvert"

const (
	defaultMetric6 = 0
	rights         = "root's rights: run it by sudo or doas"
	mendIPv6       = "switch it on for the adapter to have it"
)

// newHost returns this machine, by ioctl(2) and routing sockets.
func newHost(opts Options) (*host, error) {
	opts = opts.filled()
	self := owner{PID: os.Getpid(), Start: strconv.FormatInt(time.Now().UnixNano(), 10)}
	c := claims{dir: opts.StateDir}
	return &host{
		kernel: bsdKernel{},
		store:  store{dir: opts.StateDir, space: hostSpace, alive: c.alive, claim: c.claim, sync: (*os.File).Sync},
		self:   self, opts: opts,
	}, nil
}

// bsdKernel is the kernel of macOS, FreeBSD and OpenBSD.
type bsdKernel struct {
	files
	limited
	leaky
}

var _ kernel = bsdKernel{}

var errNoMetric = errors.New("routes have no metric on this system, so they were added without one; the longest prefix still wins")

func (bsdKernel) limits() limits {
	return limits{forward: errNoForwarding, metric: errNoMetric, txQueueLen: errNoQueue, unkept: errUnkept, outsideDNS: errNoOutsideDNS, marks: errNoMarks}
}

// meaning turns the kernel's error numbers into this package's errors.
func meaning(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return ErrPermission
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ESRCH), errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("%w (%w)", errGone, err)
	case errors.Is(err, unix.EEXIST):
		return errExists
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return errNextHop
	}
	return err
}

func byName(device string) (*net.Interface, error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errGone, err)
	}
	return i, nil
}

func (bsdKernel) link(device string) (link, error) {
	i, err := byName(device)
	if err != nil {
		return link{}, err
	}
	return link{MTU: i.MTU, Up: i.Flags&net.FlagUp != 0, LLAddr: i.HardwareAddr.String()}, nil
}

func (bsdKernel) setLink(device string, p property, value int) error {
	switch p {
	case propMTU:
		return meaning(bsd.SetMTU(device, value))
	case propUp:
		return meaning(bsd.SetUp(device, value != 0))
	}
	return errNoQueue
}

func (bsdKernel) addresses(device string) ([]Address, error) {
	i, err := byName(device)
	if err != nil {
		return nil, err
	}
	addrs, err := i.Addrs()
	return addressesOf(addrs), err
}

// addAddress adds the route that goes with it as well, where the kernel does
// not by itself.
func (k bsdKernel) addAddress(device string, a Address) error {
	if err := bsd.AddAddress(device, a.stated(), a.Peer); err != nil {
		return meaning(err)
	}
	err := k.addRoute(connected(device, a))
	if err == nil || errors.Is(err, errExists) {
		return nil
	}
	return errors.Join(err, meaning(bsd.RemoveAddress(device, a.Prefix.Addr())))
}

func (k bsdKernel) delAddress(device string, a Address) error {
	if err := k.delRoute(connected(device, a)); err != nil && !errors.Is(err, errGone) {
		return err
	}
	return meaning(bsd.RemoveAddress(device, a.Prefix.Addr()))
}

func (bsdKernel) routes() ([]way, error) {
	routes, err := bsd.Routes()
	var ways []way
	for _, r := range routes {
		ways = append(ways, way{Dst: r.Dst, Via: r.Via, Device: r.Device})
	}
	return ways, meaning(err)
}

// wayTo need not ask the system: there are no rules besides the routes.
func (k bsdKernel) wayTo(dst netip.Addr, but func(way) bool) (way, error) {
	return wayIn(k, dst, but)
}

func (bsdKernel) addRoute(w way) error {
	return meaning(bsd.AddRoute(bsd.Route{Dst: w.Dst, Via: w.Via, Device: w.Device}))
}

// delRoute asks first: some kernels remove whatever route leads there.
func (k bsdKernel) delRoute(w way) error {
	if err := there(k, w); err != nil {
		return err
	}
	return meaning(bsd.RemoveRoute(bsd.Route{Dst: w.Dst, Via: w.Via, Device: w.Device}))
}

// leaky has what systems without a packet filter of this kind do not do. Because of
// limits, no plan asks for it there.
type leaky struct{}

func (leaky) blockOutsideDNS(string, uint32) error  { return errNoOutsideDNS }
func (leaky) unblockOutsideDNS(string) error        { return errGone }
func (leaky) outsideDNSBlocked(string, uint32) bool { return false }
