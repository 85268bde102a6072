package tuntap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"culvert/nic"
	"culvert/nic/frame"
)

// Physical is an adapter that exists already, such as eth0, and whose wire is
// shared: reads return every frame that arrives on it, and what is written leaves
// by it. It is a packet socket (packet(7)), promiscuous, with the same
// super-packets as a TAP device. The host goes on using the adapter, but the host
// and the reader do not see each other's frames.
type Physical struct {
	*Device
	index int
	mac   frame.MAC

	message unix.Msghdr
	control [8]uint64 // aligned as the system's control messages are
	super   []byte    // what the splitter works on
	tag     auxTag    // of the super-packet being split
}

// auxTag is the tag that the kernel took off a frame.
type auxTag struct {
	there     bool
	tci, tpid uint16
}

// OpenPhysical opens the adapter of that name. Promiscuous mode ends with Close, or
// with the process.
func OpenPhysical(name string) (*Physical, error) {
	i, err := net.InterfaceByName(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w; `ip link` lists them (%w)", name, ErrNoDevice, err)
	case len(i.HardwareAddr) != len(frame.MAC{}) || i.Flags&net.FlagLoopback != 0:
		return nil, fmt.Errorf("%s: %w: choose an Ethernet adapter", name, ErrNotEthernet)
	case i.Flags&net.FlagUp == 0:
		return nil, fmt.Errorf("%s is down: bring it up by `ip link set %s up`", name, name)
	}
	fd, err := packetSocket(i.Index)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("%s: %w: run as root or with CAP_NET_RAW (%w)", name, ErrDenied, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: a packet socket: %w", name, err)
	}
	d, err := newDevice(nic.Ethernet, fd, name, i.MTU, newVnet(nic.Ethernet, true))
	if err != nil {
		return nil, err
	}
	p := &Physical{Device: d, index: i.Index, mac: frame.MAC(i.HardwareAddr)}
	d.out.step = p.read
	p.prepare()
	return p, nil
}

// socketBuffer is the size for each direction; super-packets soon fill the usual
// one.
const socketBuffer = 4 << 20

// packetSocket opens a socket and ties it to an adapter. It receives nothing before
// that.
func packetSocket(index int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	for _, option := range []int{unix.PACKET_VNET_HDR, unix.PACKET_AUXDATA, unix.PACKET_IGNORE_OUTGOING} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, option, 1); err != nil {
			return -1, fmt.Errorf("option %d, for which Linux 4.20 or later is needed: %w", option, err)
		}
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer)
	promiscuous := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &promiscuous); err != nil {
		return -1, fmt.Errorf("promiscuous mode: %w", err)
	}
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index})
}

// prepare makes the message that every read uses.
func (p *Physical) prepare() {
	p.super = make([]byte, superRoom)
	part := part(p.super)
	p.message = unix.Msghdr{Iov: &part, Control: &p.controls()[0]}
	p.message.SetIovlen(1)
}

func (p *Physical) controls() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&p.control)), unsafe.Sizeof(p.control))
}

// MAC is the adapter's own address, which the host has.
func (p *Physical) MAC() frame.MAC { return p.mac }

// read does for a packet socket what readSuper does for a device.
func (p *Physical) read(fd uintptr) bool {
	t := &p.out
	for {
		p.cut()
		if t.done == len(t.batch) {
			return true
		}
		n, err := p.receive(fd)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return t.done > 0
		case err == unix.ENETDOWN && p.there(): // it may come up again
		case err == unix.ENETDOWN:
			t.err = unix.EBADFD
			return true
		case err == unix.EINVAL: // a super-packet that the header cannot describe
			p.malformed.Add(1)
		case err != nil:
			t.err = err
			return true
		case n == len(p.super):
			p.oversize.Add(1)
		case p.vnet.splitter.load(p.super[:n]) != nil:
			p.malformed.Add(1)
		}
	}
}

// receive returns a unix.Errno or nil.
func (p *Physical) receive(fd uintptr) (int, error) {
	p.message.SetControllen(len(p.controls()))
	n, _, errno := unix.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&p.message)), 0)
	if errno != 0 {
		return 0, errno
	}
	p.tag = parseAuxiliary(p.controls()[:p.message.Controllen])
	return int(n), nil
}

// there reports whether the adapter still exists. The question goes by netlink,
// which waits for a removal that is under way.
func (p *Physical) there() bool {
	_, err := netlink.LinkByIndex(p.index)
	return !errors.As(err, new(netlink.LinkNotFoundError))
}

// cut moves frames from the splitter to the batch, and puts back the tag that the
// super-packet had.
func (p *Physical) cut() {
	first := p.out.done
	p.Device.cut()
	if !p.tag.there {
		return
	}
	for _, f := range p.out.batch[first:p.out.done] {
		if f.Len() < frame.HeaderLen {
			continue
		}
		frame.Tag(f, 0, 0)
		binary.BigEndian.PutUint16(f.Bytes()[12:], p.tag.tpid)
		binary.BigEndian.PutUint16(f.Bytes()[14:], p.tag.tci)
	}
}

// parseAuxiliary reads a control message of a packet socket with the tag in it:
// struct tpacket_auxdata in the host's byte order (linux/if_packet.h).
func parseAuxiliary(b []byte) (tag auxTag) {
	const (
		status    = 0
		tci, tpid = 16, 18
		size      = 20
	)
	head := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
	if len(b) < unix.CmsgLen(size) || head.Level != unix.SOL_PACKET || head.Type != unix.PACKET_AUXDATA {
		return tag
	}
	data := b[unix.CmsgLen(0):]
	flags := binary.NativeEndian.Uint32(data[status:])
	tag = auxTag{there: flags&unix.TP_STATUS_VLAN_VALID != 0, tci: binary.NativeEndian.Uint16(data[tci:]), tpid: frame.TypeVLAN}
	if flags&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tag.tpid = binary.NativeEndian.Uint16(data[tpid:])
	}
	return tag
}
