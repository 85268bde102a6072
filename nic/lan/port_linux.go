package lan

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"culvert/nic/frame"
)

// Open stands in for others on the segment of an adapter of this host.
func Open(i Interface, log *slog.Logger) (*Proxy, error) {
	ifi, err := net.InterfaceByName(i.Name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.Name, err)
	}
	program, err := bpf.Assemble(filter)
	if err != nil {
		return nil, err
	}
	conn, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: program})
	if errors.Is(err, unix.EPERM) {
		err = fmt.Errorf("%w: run as root or with CAP_NET_RAW", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: open a packet socket: %w", i.Name, err)
	}
	return newProxy(i, &socket{conn: conn, index: ifi.Index, buffer: make([]byte, maxFrame)}, log), nil
}

// filter is what the kernel passes on: nothing that goes out or has a tag (which
// the kernel keeps outside of the frame), and of the rest what wanted passes.
var filter = append([]bpf.Instruction{
	bpf.LoadExtension{Num: bpf.ExtType},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 16},
	bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 14},
}, wanted...)

// wanted passes ARP, neighbour solicitations and advertisements, and datagrams for
// a DHCP client. The last instruction passes a frame, the one before it drops a
// frame.
var wanted = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 12, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: frame.TypeARP, SkipTrue: 13},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: frame.TypeIPv6, SkipTrue: 6},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: frame.TypeIPv4, SkipTrue: 10},
	bpf.LoadAbsolute{Off: frame.HeaderLen + 9, Size: 1}, // protocol
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 8},
	bpf.LoadMemShift{Off: frame.HeaderLen},
	bpf.LoadIndirect{Off: frame.HeaderLen + 2, Size: 2}, // destination port
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: portClient, SkipTrue: 6, SkipFalse: 5},
	bpf.LoadAbsolute{Off: frame.HeaderLen + 6, Size: 1}, // next header
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: 3},
	bpf.LoadAbsolute{Off: frame.HeaderLen + 40, Size: 1}, // type
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: 135, SkipTrue: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: 136, SkipTrue: 1},
	bpf.RetConstant{Val: 0},
	bpf.RetConstant{Val: maxFrame},
}

// maxFrame is larger than any wanted frame.
const maxFrame = 2048

// socket is a port that uses a packet socket.
type socket struct {
	conn   *packet.Conn
	index  int
	buffer []byte
}

func (s *socket) Receive() ([]byte, error) {
	n, _, err := s.conn.ReadFrom(s.buffer)
	return s.buffer[:n], err
}

func (s *socket) Send(b []byte) error {
	_, err := s.conn.WriteTo(b, &packet.Addr{HardwareAddr: net.HardwareAddr(b[:6])})
	return err
}

func (s *socket) Close() error { return s.conn.Close() }

func (s *socket) Own() (own []netip.Addr, err error) {
	addrs, err := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr())
		}
	}
	return own, err
}

func (s *socket) Listen(group frame.MAC, on bool) error {
	option := unix.PACKET_DROP_MEMBERSHIP
	if on {
		option = unix.PACKET_ADD_MEMBERSHIP
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	m := unix.PacketMreq{Ifindex: int32(s.index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(group))}
	copy(m.Address[:], group[:])
	var errSet error
	err = raw.Control(func(fd uintptr) {
		errSet = unix.SetsockoptPacketMreq(int(fd), unix.SOL_PACKET, option, &m)
	})
	return errors.Join(err, errSet)
}
