//go:build interop

package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"culvert/nic/frame"
)

// answering is what a station says when it is there.
var answering = regexp.MustCompile(`answering`)

// station is a host in a VLAN of a device, made of a packet socket, since the
// kernel may have no VLAN devices: it answers ARP and echo requests, in tagged
// frames to tagged ones of its VLAN only.
func station(device, vlan, address string) error {
	id, err := strconv.Atoi(vlan)
	if err != nil {
		return err
	}
	s := &vlanStation{vlan: uint16(id), addr: netip.MustParseAddr(address).As4(), mac: frame.MAC{2, 0x5a, 0, 0, 0, byte(id)}}
	if err := s.open(device); err != nil {
		return err
	}
	fmt.Println("answering")
	for {
		b, err := s.receive()
		if err != nil {
			return err
		}
		if reply := s.reply(b); reply != nil {
			if _, err := unix.Write(s.fd, reply); err != nil {
				return err
			}
		}
	}
}

type vlanStation struct {
	fd   int
	vlan uint16
	addr [4]byte
	mac  frame.MAC
}

func (s *vlanStation) open(device string) (err error) {
	dev, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, int(protocol)); err != nil {
		return err
	}
	// Without it, the kernel takes tags off and says nothing.
	if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		return err
	}
	promiscuous := unix.PacketMreq{Ifindex: int32(dev.Index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(s.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &promiscuous); err != nil {
		return err
	}
	return unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: dev.Index})
}

// receive gives the next frame of the station's VLAN, without its tag.
func (s *vlanStation) receive() ([]byte, error) {
	b, control := make([]byte, 2000), make([]byte, 200)
	for {
		n, nc, _, from, err := unix.Recvmsg(s.fd, b, control, 0)
		if err != nil {
			return nil, err
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if vlan, ok := auxVLAN(control[:nc]); ok && vlan == s.vlan {
			return b[:n], nil
		}
	}
}

// auxVLAN is the VLAN that PACKET_AUXDATA tells of (packet(7)); ok is false for
// an untagged frame.
func auxVLAN(control []byte) (vlan uint16, ok bool) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= int(unsafe.Sizeof(unix.TpacketAuxdata{})) {
			aux := (*unix.TpacketAuxdata)(unsafe.Pointer(unsafe.SliceData(m.Data)))
			return aux.Vlan_tci & 0xfff, aux.Status&unix.TP_STATUS_VLAN_VALID != 0
		}
	}
	return 0, false
}

// reply is what an ARP or echo request gets, nil for anything else.
func (s *vlanStation) reply(b []byte) []byte {
	h, ok := frame.Parse(b)
	if !ok {
		return nil
	}
	payload := bytes.Clone(b[h.Len:])
	switch {
	case h.Type == frame.TypeARP && len(payload) >= 28 && payload[7] == 1 && bytes.Equal(payload[24:28], s.addr[:]):
		payload[7] = 2 // reply
		copy(payload[18:28], payload[8:18])
		copy(payload[8:14], s.mac[:])
		copy(payload[14:18], s.addr[:])
	case h.Type == frame.TypeIPv4 && len(payload) >= 28 && payload[9] == 1 && payload[20] == 8 && bytes.Equal(payload[16:20], s.addr[:]):
		copy(payload[16:20], payload[12:16])
		copy(payload[12:16], s.addr[:])
		payload[20] = 0 // echo reply: its type was all that the checksum changes by
		sum := uint32(binary.BigEndian.Uint16(payload[22:])) + 0x0800
		binary.BigEndian.PutUint16(payload[22:], uint16(sum+sum>>16))
	default:
		return nil
	}
	out := frame.Header{Dst: h.Src, Src: s.mac, Tagged: true, VLAN: s.vlan, Type: h.Type}.Append(nil)
	return append(out, payload...)
}
