package tuntap

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"culvert/nic"
)

var _ nic.Queued = (*Device)(nil)

var _ nic.Queued = (*Device)(nil)

// Queues returns the device's queues. The driver puts a flow's packets into the
// queue to which the flow's answers were last written, or chooses by the flow's
// hash as long as there were none.
func (d *Device) Queues() []nic.NIC { return d.queues }

// addQueues opens the other queues of a device with several. It fails with ErrBusy
// if another process has some: the driver would split the packets between the two.
func (d *Device) addQueues(o Options) error {
	several, attached, err := queuesOf(d.name)
	if err != nil || !several {
		return err
	}
	if attached > 1 {
		return attachError(d.name, true, unix.EBUSY)
	}
	for range o.Queues - 1 {
		fd, _, v, err := o.attach(d.name)
		if err != nil {
			return err
		}
		q, err := newDevice(d.kind, fd, d.name, d.mtu, v)
		if err != nil {
			return err
		}
		d.queues = append(d.queues, q)
	}
	return nil
}

// Attributes of a tun link (linux/if_link.h).
const (
	iflaTunMultiQueue = 7
	iflaTunNumQueues  = 8
)

// queuesOf reports whether a device takes several queues, and how many are
// attached.
func queuesOf(name string) (several bool, attached uint32, err error) {
	request := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	request.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	request.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	replies, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil || len(replies) == 0 {
		return false, 0, fmt.Errorf("tuntap: %s: read its queues: %w", name, err)
	}
	data := replies[0][unix.SizeofIfInfomsg:]
	for _, kind := range []uint16{unix.IFLA_LINKINFO, nl.IFLA_INFO_DATA} {
		if data, err = attribute(data, kind); err != nil {
			return false, 0, err
		}
	}
	if several, err = flag(data); err != nil || !several {
		return false, 0, err
	}
	number, err := attribute(data, iflaTunNumQueues)
	if len(number) < 4 {
		return false, 0, err
	}
	return true, nl.NativeEndian().Uint32(number), err
}

// flag parses IFLA_TUN_MULTI_QUEUE.
func flag(data []byte) (bool, error) {
	value, err := attribute(data, iflaTunMultiQueue)
	return len(value) > 0 && value[0] != 0, err
}

// attribute returns the value of a netlink attribute, nil if it is missing.
func attribute(data []byte, kind uint16) ([]byte, error) {
	all, err := nl.ParseRouteAttr(data)
	if err != nil {
		return nil, fmt.Errorf("tuntap: netlink: %w", err)
	}
	for _, a := range all {
		if a.Attr.Type&^unix.NLA_F_NESTED == kind {
			return a.Value, nil
		}
	}
	return nil, nil
}
