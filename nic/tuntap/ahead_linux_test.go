package tuntap

import (
	"bytes"
	"testing"
	"time"

	"culvert/nic"
)

// superTCP is a virtio-net header and a TCP super-packet of IPv4 or IPv6 with n
// bytes of payload in segments of 1,000, all of them mark.
func superTCP(version, mark byte, n int, ecn byte) []byte {
	ip, gso := make([]byte, ipv4Len, 1<<16+100), uint8(gsoTCP4)
	if version == 6 {
		ip, gso = make([]byte, ipv6Len, 1<<16+100), gsoTCP6
		ip[0], ip[1], ip[6], ip[23] = 0x60, ecn<<4, protocolTCP, 1
		ip[4], ip[5] = byte((tcpLen+n)>>8), byte(tcpLen+n)
	} else {
		ip[0], ip[1], ip[9], ip[12] = 0x45, ecn, protocolTCP, 10
		ip[2], ip[3] = byte((ipv4Len+tcpLen+n)>>8), byte(ipv4Len+tcpLen+n)
		setIPv4Checksum(ip)
	}
	tcp := make([]byte, tcpLen)
	tcp[1], tcp[12], tcp[13] = mark, tcpLen/4<<4, flagACK
	h := make([]byte, vnetHeaderLen)
	vnetHeader{gso: gso, segment: 1000, length: uint16(len(ip) + tcpLen), start: uint16(len(ip)), offset: tcpChecksum}.put(h)
	return append(append(append(h, ip...), tcp...), bytes.Repeat([]byte{mark}, n)...)
}

// singleUDP is a virtio-net header and a datagram.
func singleUDP(mark byte, n int, ecn byte) []byte {
	ip := make([]byte, ipv4Len)
	total := ipv4Len + udpLen + n
	ip[0], ip[1], ip[2], ip[3], ip[9], ip[12] = 0x45, ecn, byte(total>>8), byte(total), protocolUDP, 10
	setIPv4Checksum(ip)
	udp := []byte{0, mark, 0, 53, byte((udpLen + n) >> 8), byte(udpLen + n), 0, 0}
	return append(append(append(make([]byte, vnetHeaderLen), ip...), udp...), bytes.Repeat([]byte{mark}, n)...)
}

// arrive lets a packet be read, and reports whether there was room.
func (a *ahead) arrive(now time.Duration, packet []byte) bool {
	room := a.room()
	return room != nil && a.add(copy(room, packet), now)
}

// overload lets a packet be taken each millisecond for a second, and arrive as
// long as 20 wait. It returns how many arrived and how many were taken, how many
// of their first segments are lost, and the first packet that changed.
func (a *ahead) overload(t *testing.T, packet []byte) (arrived, taken, lost int, ill []byte) {
	t.Helper()
	for now := time.Duration(0); now < time.Second; now += ms {
		for a.flows.count < 20 {
			if !a.arrive(now, packet) {
				t.Fatalf("no room after %v", now)
			}
			arrived++
		}
		b, n := a.take(now)
		if taken++; !bytes.Equal(b, packet) && ill == nil {
			ill = bytes.Clone(b)
		}
		lost += n
	}
	return arrived, taken, lost, ill
}

func TestAheadNeverDropsWhatDoesNotWait(t *testing.T) {
	a := ahead{kind: nic.IP}
	packet := superTCP(4, 1, 60000, 0)
	for now := time.Duration(0); now < 300*ms; now += codelTarget {
		for range 100 { // 10 Gbit/s
			if !a.arrive(now, packet) {
				t.Fatal("no room")
			}
		}
		for range 100 {
			if b, lost := a.take(now + codelTarget - 1); len(b) < 60000 || lost != 0 {
				t.Fatalf("%d bytes, %d lost", len(b), lost)
			}
		}
	}
	if a.lost.Load()+a.marked.Load() != 0 {
		t.Errorf("lost %d, marked %d", a.lost.Load(), a.marked.Load())
	}
}

// One segment of a super-packet is lost, and the others are sent.
func TestAheadCutsSuperPackets(t *testing.T) {
	for _, version := range []byte{4, 6} {
		a := ahead{kind: nic.IP}
		_, _, lost, ill := a.overload(t, superTCP(version, 1, 3000, 0))
		if n := a.lost.Load(); lost < 5 || lost > 30 || n != uint64(lost) || ill != nil {
			t.Errorf("IPv%d: %d segments lost in a second, %d counted; packet changed: %x", version, lost, n, ill)
		}
	}
}

func TestAheadDropsSinglePackets(t *testing.T) {
	a := ahead{kind: nic.IP}
	arrived, taken, lost, _ := a.overload(t, singleUDP(1, 1000, 0))
	waiting := a.flows.count
	if n := int(a.lost.Load()); lost != 0 || n < 5 || n > 30 || taken+n+waiting != arrived {
		t.Errorf("%d dropped, %d taken, %d waiting of %d", n, taken, waiting, arrived)
	}
}

func TestAheadMarksWhereSendersAsk(t *testing.T) {
	ethernet := func(b []byte, kind ...byte) []byte {
		return append(append(bytes.Clone(b[:vnetHeaderLen]), append(make([]byte, 12), kind...)...), b[vnetHeaderLen:]...)
	}
	for name, c := range map[string]struct {
		kind   nic.Kind
		packet func(ecn byte) []byte
	}{
		"TCP, IPv4":   {nic.IP, func(ecn byte) []byte { return superTCP(4, 1, 3000, ecn) }},
		"TCP, IPv6":   {nic.IP, func(ecn byte) []byte { return superTCP(6, 1, 3000, ecn) }},
		"UDP":         {nic.IP, func(ecn byte) []byte { return singleUDP(1, 1000, ecn) }},
		"frame":       {nic.Ethernet, func(ecn byte) []byte { return ethernet(singleUDP(1, 1000, ecn), 8, 0) }},
		"frame, VLAN": {nic.Ethernet, func(ecn byte) []byte { return ethernet(singleUDP(1, 1000, ecn), 0x81, 0, 0, 7, 8, 0) }},
	} {
		for ecn := range byte(3) {
			if ecn == 0 {
				continue
			}
			a := ahead{kind: c.kind}
			_, _, lost, ill := a.overload(t, c.packet(ecn))
			if lost != 0 || a.lost.Load() != 0 || a.marked.Load() < 5 || !bytes.Equal(ill, c.packet(congestion)) {
				t.Errorf("%s, ECT %d: %d lost, %d marked: %x", name, ecn, a.lost.Load(), a.marked.Load(), ill)
			}
		}
	}
}

// A flood takes so much memory and no more, and others pass.
func TestAheadIsBounded(t *testing.T) {
	for name, packet := range map[string][]byte{
		"super-packets": superTCP(4, 1, 65495, 0), "large packets": singleUDP(1, 8900, 0), "small packets": singleUDP(1, 40, 0),
	} {
		a := ahead{kind: nic.IP}
		a.arrive(0, singleUDP(9, 40, 0))
		read := 0
		for read < 10*maxWaiting && a.arrive(0, packet) {
			read++
		}
		if a.store.count > maxChunks || a.flows.count > maxWaiting || a.flows.count < 150 {
			t.Errorf("%s: %d of %d wait, in %d chunks", name, a.flows.count, read, a.store.count)
		}
		if b, _ := a.take(0); b[len(b)-1] != 9 {
			t.Errorf("%s: another's packet was lost or waits", name)
		}
		for b, _ := a.take(0); b != nil; b, _ = a.take(0) {
			if !bytes.Equal(b, packet) {
				t.Fatalf("%s: a packet changed", name)
			}
		}
		if a.store.rest(); a.store.count != 0 || a.flows.count != 0 {
			t.Errorf("%s: %d chunks kept for %d packets", name, a.store.count, a.flows.count)
		}
	}
}

// What is taken stays as it is while more is read.
func TestAheadKeepsWhatIsTaken(t *testing.T) {
	a := ahead{kind: nic.IP}
	others := superTCP(6, 255, 60000, 0)
	for mark := range byte(20) {
		packet := superTCP(4, mark, 50000, 0)
		a.arrive(0, packet)
		b, _ := a.take(0)
		for range 20 {
			a.arrive(0, others)
		}
		if !bytes.Equal(b, packet) {
			t.Fatalf("packet %d was written over", mark)
		}
		for c, _ := a.take(0); c != nil; c, _ = a.take(0) {
			continue
		}
	}
}

func TestAheadTellsWhatIsTooLarge(t *testing.T) {
	a := ahead{kind: nic.IP}
	if a.arrive(0, make([]byte, 1<<17)) {
		t.Error("128 KiB were taken")
	}
	if b, _ := a.take(0); b != nil {
		t.Error("and given")
	}
}

func BenchmarkAhead(b *testing.B) {
	for name, packet := range map[string][]byte{"super": superTCP(4, 1, 60000, 0), "single": singleUDP(1, 64, 0)} {
		b.Run(name, func(b *testing.B) {
			a := ahead{kind: nic.IP}
			b.ReportAllocs()
			for b.Loop() {
				a.arrive(0, packet)
				a.take(0)
			}
		})
	}
}
