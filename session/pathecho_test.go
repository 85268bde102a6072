package session

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"culvert/internal/buf"
	"culvert/internal/checksum"
)

var (
	echo4 = Echo{netip.MustParseAddr("10.8.0.2"), netip.MustParseAddr("10.8.0.1")}
	echo6 = Echo{netip.MustParseAddr("fd00::2"), netip.MustParseAddr("fd00::1")}
)

// reply is what a host answers to a ping, nil for another packet.
func reply(b []byte) []byte {
	b = slices.Clone(b)
	switch {
	case b[0]>>4 == 4 && b[9] == protocolICMPv4 && b[20] == echoRequest4:
		src, dst := slices.Clone(b[12:16]), slices.Clone(b[16:20])
		copy(b[12:], dst)
		copy(b[16:], src)
		b[6], b[20] = 0, echoReply4
		binary.BigEndian.PutUint16(b[22:], 0)
		binary.BigEndian.PutUint16(b[22:], ^checksum.Sum(b[20:]))
	case b[0]>>4 == 6 && b[6] == protocolICMPv6 && b[40] == echoRequest6:
		src, dst := slices.Clone(b[8:24]), slices.Clone(b[24:40])
		copy(b[8:], dst)
		copy(b[24:], src)
		b[40] = echoReply6
	default:
		return nil
	}
	return b
}

// pinged is a pair whose server answers no message about sizes, and whose host answers pings.
// others are the packets that leave the client's tunnel.
func pinged(t *testing.T, p path, e Echo) (sim *pair, others *[][]byte) {
	t.Helper()
	sim = newPair(t, path{delay: p.delay}, nil)
	sim.run(time.Minute, sim.established)
	sim.pass(time.Second)
	sim.path = p
	others = new([][]byte)
	sim.packet = func(at *end, b []byte) {
		if at == sim.client {
			*others = append(*others, slices.Clone(b))
			return
		}
		if answer := reply(b); answer != nil {
			packet := buf.New(2000)
			packet.Set(answer)
			if err := sim.server.data.Seal(sim.now, packet); err != nil {
				t.Fatal(err)
			}
			sim.transmit(sim.server, packet.Bytes())
		}
	}
	sim.meddle = func(e *end) {
		if e == sim.server {
			e.data.loads.asked.Store(0)
		}
	}
	sim.client.Path.Measure(sim.now, innerSize, e)
	return sim, others
}

// TestPathByPings: a peer that answers nothing else is measured by pings, to the byte, and
// no answer gets out of the tunnel. Who pings by themselves has their answers.
func TestPathByPings(t *testing.T) {
	for _, e := range []Echo{echo4, echo6} {
		for _, mtu := range []int{0, outerSize - 1, 1312, 1284, 577} {
			sim, others := pinged(t, path{delay: 10 * time.Millisecond, mtu: mtu}, e)
			n := dataPackets(sim, sim.client)
			sim.pass(10 * time.Second)
			want := PathMeasured{min(mtu, outerSize), outerSize}
			if mtu == 0 {
				want.Size = outerSize
			}
			if got := measurements(sim.client); len(got) != 1 || got[0] != want {
				t.Errorf("%v, a path of %d: %+v, want %+v", e.To, mtu, got, want)
			}
			if *n > helloTries+40 || len(*others) > 0 {
				t.Errorf("%v, a path of %d: %d packets, %d came out of the tunnel", e.To, mtu, *n, len(*others))
			}
			own := buf.New(2000) // by a program that happens to have the same identifier and sequence
			q := newEchoes(e)
			q.id, q.sequence = sim.client.Path.pings.id, sim.client.Path.pings.sequence-1
			q.question(own, 600)
			asked := slices.Clone(own.Bytes())
			if err := sim.client.data.Seal(sim.now, own); err != nil {
				t.Fatal(err)
			}
			sim.path.mtu = 0
			sim.transmit(sim.client, own.Bytes())
			sim.pass(time.Second)
			if len(*others) != 1 || !bytes.Equal((*others)[0], reply(asked)) {
				t.Errorf("%v: a program that pings has %d answers", e.To, len(*others))
			}
		}
	}
}

// TestPathByPingsOneWay: what is narrow in one direction counts.
func TestPathByPingsOneWay(t *testing.T) {
	for _, back := range []bool{false, true} {
		sim, _ := pinged(t, path{delay: time.Millisecond}, echo4)
		sim.drop = func(from *end, b []byte) bool { return (from == sim.server) == back && len(b) > 1300 }
		sim.pass(20 * time.Second)
		if got := measurements(sim.client); len(got) != 1 || got[0].Size != 1300 {
			t.Errorf("back %v: %+v, want 1300", back, got)
		}
	}
}

// TestPathByPingsRests: a peer that is not used is left in peace, since it counts pings as
// use; one that is used is measured again.
func TestPathByPingsRests(t *testing.T) {
	sim, _ := pinged(t, path{delay: time.Millisecond}, echo4)
	sim.pass(10 * time.Second)
	n := dataPackets(sim, sim.client)
	sim.pass(10 * time.Hour)
	if *n > 0 {
		t.Errorf("%d packets to a peer that is not used", *n)
	}
	sim.path.mtu = 1300
	for range 3 {
		sim.client.data.carry(&sim.client.data.sent, sim.now, 100)
		sim.pass(confirmEvery + 5*time.Second)
	}
	if got := measurements(sim.client); len(got) != 2 || got[1].Size != 1300 {
		t.Errorf("a path that became narrow: %+v", got)
	}
	sim.path.mtu = 1250
	sim.client.Path.Again(sim.now)
	sim.pass(5 * time.Second)
	if got := measurements(sim.client); len(got) != 3 || got[2].Size != 1250 {
		t.Errorf("another path: %+v", got)
	}
	other := Echo{netip.MustParseAddr("10.8.0.3"), echo4.To}
	sim.client.Path.Measure(sim.now, innerSize, other)
	packet, from := sim.packet, netip.Addr{}
	sim.packet = func(at *end, b []byte) {
		if at == sim.server && b[0]>>4 == 4 {
			from = netip.AddrFrom4([4]byte(b[12:16]))
		}
		packet(at, b)
	}
	sim.path.mtu = 1350
	sim.pass(5 * time.Second)
	if got := measurements(sim.client); len(got) != 4 || got[3].Size != 1350 || from != other.From {
		t.Errorf("with another address: %+v, asked from %v", got, from)
	}
	sim.client.Path.Measure(sim.now, 0, other)
	if sim.client.data.echoes.Load() != nil {
		t.Error("answers are still awaited")
	}
}

// TestPathByPingsInVain: a host that answers no ping either is asked a few times.
func TestPathByPingsInVain(t *testing.T) {
	sim, _ := pinged(t, path{}, echo4)
	sim.packet = nil
	n := dataPackets(sim, sim.client)
	sim.pass(time.Hour)
	if got := measurements(sim.client); len(got) != 1 || got[0].Size != 0 || *n != sizeTries+helloTries {
		t.Errorf("%+v after %d packets", got, *n)
	}
	for _, e := range []Echo{{}, {echo4.From, echo6.To}, {echo4.To, echo4.To}} {
		if e.valid() {
			t.Errorf("%+v counts as two addresses", e)
		}
	}
}

// TestEchoQuestion: others read in a question what it is.
func TestEchoQuestion(t *testing.T) {
	for _, e := range []Echo{echo4, echo6} {
		q := newEchoes(e)
		for _, size := range []int{0, 100, 577, 1400} {
			p := buf.New(2000)
			q.question(p, size)
			if want := max(size, q.least()); p.Len() != want {
				t.Errorf("%d bytes, want %d", p.Len(), want)
			}
			layer, icmp := gopacket.LayerType(layers.LayerTypeIPv4), gopacket.LayerType(layers.LayerTypeICMPv4)
			if e == echo6 {
				layer, icmp = layers.LayerTypeIPv6, layers.LayerTypeICMPv6Echo
			}
			packet := gopacket.NewPacket(p.Bytes(), layer, gopacket.Default)
			net := packet.NetworkLayer().NetworkFlow()
			if packet.ErrorLayer() != nil || packet.Layer(icmp) == nil || net.Src().String() != e.From.String() || net.Dst().String() != e.To.String() {
				t.Errorf("%d bytes: %v", size, packet)
			}
			b := p.Bytes()
			switch {
			case e == echo4 && (^checksum.Sum(b[:20]) != 0 || ^checksum.Sum(b[20:]) != 0):
				t.Errorf("checksums of % x", b)
			case e == echo6 && ^checksum.Add(checksum.PseudoHeader(b, protocolICMPv6), uint16(len(b)-40), checksum.Sum(b[40:])) != 0:
				t.Errorf("checksum of % x", b)
			}
			if q.take(b) {
				t.Error("a question is taken for an answer")
			}
		}
	}
}

// FuzzEcho gives packets out of the tunnel to who waits for an answer: only answers are
// taken, and only those count that are as long as they say: the peer, who alone knows the
// mark, may say another length.
func FuzzEcho(f *testing.F) {
	f.Add(false, []byte{0x45, 0, 0, 46}, 0)
	f.Add(false, []byte{0, 46}, 44)
	f.Add(true, []byte{0x60}, 40)
	f.Fuzz(func(t *testing.T, six bool, with []byte, at int) {
		e := echo4
		if six {
			e = echo6
		}
		q := newEchoes(e)
		q.mark = [16]byte{1, 2, 3}
		q.take(with)
		p := buf.New(2000)
		q.question(p, 700)
		answer := reply(p.Bytes())
		whole := slices.Clone(answer)
		if at >= 0 && at < len(answer) {
			answer = append(answer[:at], with...)
		}
		taken := q.take(answer)
		says := func() int { return int(binary.BigEndian.Uint16(answer[q.least()-2:])) }
		if heard := q.heard(1); heard && (!taken || len(answer) != says()) || bytes.Equal(answer, whole) && !heard {
			t.Errorf("heard %v, taken %v: % x", heard, taken, answer)
		}
	})
}
