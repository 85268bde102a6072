// Package tuntap opens virtual adapters of the kernel: point-to-point (TUN)
// devices that carry IP packets, and Ethernet (TAP) devices that carry frames.
//
// On Linux a device is made on opening and vanishes on closing, or it was made
// beforehand by Persist (or `ip tuntap add`, or `openvpn --mktun`) for a user,
// who then opens it without privileges.
//
// On Windows (by Wintun), macOS (utun), FreeBSD and OpenBSD there are TUN
// devices only, which vanish on closing.
package tuntap

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"culvert/nic"
	"culvert/nic/frame"
)

var _ nic.NIC = (*Device)(nil)

// Options say which device to open.
type Options struct {
	// Kind is what the device carries.
	Kind nic.Kind
	// Name is the device's name, 1 to 15 bytes. "", and "tun" or "tap" by kind,
	// mean the next free of tun0, tun1 and so on; one "%d" in the name stands for
	// the next free number. Open attaches to a persistent device of that name, and
	// makes any other.
	Name string
	// MTU is the largest IP packet in bytes. 0 keeps the device's own, which is
	// 1500 on a new device.
	MTU int
	// MAC, if not nil, returns the address for a new Ethernet device of that real
	// name. If it returns zero, the device has a random one, which udev may replace
	// (systemd.link(5), MACAddressPolicy). An existing device keeps its own.
	MAC func(name string) frame.MAC
	// Node is the driver's node; "" for /dev/net/tun. Linux only.
	Node string
	// Queues is how many queues to open (nic.Queued); 0 means one. A persistent
	// device made with one queue has one.
	Queues int
	// Plain moves single packets even where the kernel has super-packets.
	Plain bool
}

// Stats counts packets lost at the device since it was opened.
type Stats struct {
	Refused   uint64 // inbound packets the kernel did not take
	Oversize  uint64 // outbound packets larger than the buffer given
	Malformed uint64 // outbound super-packets not understood
	Overflow  uint64 // outbound packets, or parts of super-packets, that waited too long or found the queue full
	Marked    uint64 // outbound packets that waited too long, marked instead (ECN)
}

// Counting is an adapter that counts the packets it loses: every Device.
type Counting interface{ Stats() Stats }

var _ Counting = (*Device)(nil)

// QueueFull is the name of Overflow for people.
const QueueFull = "adapter's queue full"

// Causes of failure to open, persist or remove a device. The error wraps one of
// them and the system's own, and says what to do.
var (
	ErrNoDriver    = errors.New("no TUN driver")
	ErrNodeDenied  = errors.New("no permission to open the TUN driver's node")
	ErrDenied      = errors.New("no permission to make or configure network devices")
	ErrNotOwner    = errors.New("the device belongs to another user")
	ErrBusy        = errors.New("the device is in use by another process")
	ErrName        = errors.New("not a device name")
	ErrKind        = errors.New("a network device of that name is there and is of another kind")
	ErrNoDevice    = errors.New("no such device")
	ErrNotEthernet = errors.New("it has no Ethernet")
	ErrUnsupported = errors.New("no such device on this system")
)

// ErrRemoved is returned by reads and writes after another program deleted the
// device. It wraps fs.ErrClosed.
var ErrRemoved = fmt.Errorf("tuntap: the device was removed by another program; "+
	"look for what deletes network devices, and restart: %w", fs.ErrClosed)

var errClosed = fmt.Errorf("tuntap: the device is closed: %w", fs.ErrClosed)

// noDevice suggests what needs neither a device nor privileges.
const noDevice = "or use --userspace, which needs no device"

const defaultNode = "/dev/net/tun"

const maxName = 15 // IFNAMSIZ without the terminating zero byte

// pattern returns the name or pattern to ask the kernel for.
func pattern(kind nic.Kind, name string) (string, error) {
	if name == "" || name == kind.String() {
		return kind.String() + "%d", nil
	}
	if reason := misnamed(name); reason != "" {
		return "", fmt.Errorf("tuntap: %w: %q %s; choose 1 to %d bytes such as %v0", ErrName, name, reason, maxName, kind)
	}
	return name, nil
}

// misnamed returns why Linux would not accept name, or "".
func misnamed(name string) string {
	switch {
	case len(name) > maxName:
		return fmt.Sprintf("is %d bytes long", len(name))
	case name == "." || name == "..":
		return "is a directory"
	case strings.ContainsAny(name, "/:\x00"):
		return "contains a slash, colon or zero byte"
	case strings.ContainsFunc(name, unicode.IsSpace):
		return "contains a space"
	case strings.Count(name, "%") > 1 || strings.Contains(strings.ReplaceAll(name, "%d", ""), "%"):
		return "may contain one %d and no other percent sign"
	}
	return ""
}
