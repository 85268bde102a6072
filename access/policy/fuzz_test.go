package policy

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"culvert/access"
	"culvert/nic/frame"
	"culvert/tunnel"
)

// seen is what another reader of packets makes of one.
type seen struct {
	proto        uint8
	later        bool
	sport, dport uint16
}

// otherReader reads a packet by gVisor's own reader. ok is false if it cannot.
func otherReader(b []byte) (s seen, ok bool) {
	var rest []byte
	switch {
	case len(b) >= header.IPv4MinimumSize && b[0]>>4 == 4:
		h := header.IPv4(b)
		if !h.IsValid(len(b)) {
			return s, false
		}
		s.proto, s.later, rest = h.Protocol(), h.FragmentOffset() > 0, h.Payload()
	case len(b) >= header.IPv6MinimumSize && b[0]>>4 == 6:
		h := header.IPv6(b)
		if !h.IsValid(len(b)) {
			return s, false
		}
		it := header.MakeIPv6PayloadIterator(header.IPv6ExtensionHeaderIdentifier(h.NextHeader()), buffer.MakeWithData(bytes.Clone(h.Payload())))
		defer it.Release()
		for {
			next, done, err := it.Next()
			if err != nil || done {
				return s, false
			}
			if raw, is := next.(header.IPv6RawPayloadHeader); is {
				s.proto, rest = uint8(raw.Identifier), raw.Buf.Flatten()
				raw.Release()
				break
			}
			if part, is := next.(header.IPv6FragmentExtHdr); is && part.FragmentOffset() > 0 {
				s.later = true
			}
			next.Release()
		}
	default:
		return s, false
	}
	if slices.Contains([]uint8{protoAH, protoMobility, protoHIP, protoShim6}, s.proto) { // which it does not walk
		return s, false
	}
	if !s.later && (s.proto == protoTCP || s.proto == protoUDP) {
		if len(rest) < 8 {
			return s, false
		}
		s.sport, s.dport = binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:])
	}
	return s, true
}

// FuzzJudge has a client send any bytes, as a packet or in a frame. Where one alone may open
// connections, nothing passes the other way but what belongs to one; and what passes has the
// ports that another reader finds.
func FuzzJudge(f *testing.F) {
	asked := udpPacket("alice", "bob", 5000, 53)
	part := func(offset uint16, more bool) []byte {
		p := udpPacket("bob", "alice", 53, 5000)
		binary.BigEndian.PutUint16(p[6:], offset/8)
		if more {
			p[6] |= 0x20
		}
		return p
	}
	six := func(first byte, headers []byte, rest []byte) []byte {
		return ip(where("fd00:8::3"), where("fd00:8::2"), first, append(slices.Clip(headers), rest...))
	}
	udp := ports4(53, 5000, 12, 11, 0)
	packets := [][]byte{
		asked, udpPacket("bob", "alice", 53, 5000), tcpPacket("bob", "alice", 22, 40000, syn|ack), echoPacket("bob", "alice", false, 7),
		errorPacket("bob", "alice", asked), errorPacket("bob", "alice", asked[:27]), part(0, true), part(8, true), part(1480, false),
		six(protoUDP, nil, udp), six(protoHopByHop, []byte{protoUDP, 0, 5, 2, 0, 0, 1, 0}, udp),
		six(protoFragment, []byte{protoUDP, 0, 0, 1, 0, 0, 0, 7}, udp), six(protoFragment, []byte{protoUDP, 0, 0, 8, 0, 0, 0, 7}, udp),
		six(protoFragment, []byte{protoOptions, 0, 0, 1, 0, 0, 0, 7, protoUDP, 0, 1, 4, 0, 0, 0, 0}, udp),
		six(protoRouting, []byte{protoUDP, 0, 0, 1, 0, 0, 0, 0}, udp), six(protoAH, []byte{protoUDP, 4, 0, 0, 0, 0, 0, 0}, udp),
		errorPacket("fd00:8::3", "fd00:8::2", ip(where("fd00:8::2"), where("fd00:8::3"), protoUDP, ports4(5000, 53, 12, 11, 0))),
	}
	for _, p := range packets {
		f.Add(false, p)
		kind := uint16(frame.TypeIPv4)
		if p[0]>>4 == 6 {
			kind = frame.TypeIPv6
		}
		f.Add(true, append(frame.Header{Dst: frame.Broadcast, Type: kind}.Append(nil), p...))
		f.Add(true, append(frame.Header{Tagged: true, VLAN: 7, Type: kind}.Append(nil), p...))
	}
	policy := compiled(f, "default deny\nallow user alice to user bob udp/53 icmp\n")
	f.Fuzz(func(t *testing.T, framed bool, b []byte) {
		if framed {
			if b = frame.IP(b); b == nil {
				return
			}
		}
		g := NewGuard(policy, func(a *access.Applicant) Who { return whoOf(a.Name) })
		alice, bob := g.Enter(&access.Applicant{Identity: access.Identity{Name: "alice"}}), g.Enter(&access.Applicant{Identity: access.Identity{Name: "bob"}})
		now := time.Unix(1_800_000_000, 0)
		if drop, _ := g.Judge(now, bob, alice, b); drop == tunnel.Kept {
			t.Fatalf("bob opens: %x", b)
		}
		before := bytes.Clone(b)
		opened, _ := g.Judge(now, alice, bob, b)
		if !bytes.Equal(before, b) {
			t.Fatal("the packet was changed")
		}
		other, read := otherReader(b)
		if opened == tunnel.Kept && read {
			if ok := other.proto == protoUDP && other.dport == 53 || other.proto == protoICMP || other.proto == protoICMPv6; !ok || other.later {
				t.Fatalf("alice sends %+v: %x", other, b)
			}
		}
		if drop, _ := g.Judge(now, alice, bob, asked); drop != tunnel.Kept {
			t.Fatal("what is allowed does not pass")
		}
		drop, _ := g.Judge(now, bob, alice, b)
		if drop != tunnel.Kept || !read {
			return
		}
		var p packet
		if !p.read(b) || p.proto != other.proto || (p.part == laterPart) != other.later || p.sport != other.sport && p.proto == protoUDP || p.dport != other.dport && p.proto == protoUDP {
			t.Fatalf("%+v, and another reader finds %+v: %x", p, other, b)
		}
	})
}
