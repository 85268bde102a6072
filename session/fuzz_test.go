package session

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"culvert/session/wire"
	"culvert/session/wrap"
)

// fuzzArmours are the armours in a fixed order, with keys made once.
func fuzzArmours(t testing.TB) (list []func(client, server *Config, armour *wrap.Armour)) {
	names := make([]string, 0, len(armours))
	for name := range armours {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, armours[name](t))
	}
	return list
}

// packets cuts fuzz data into packets of up to 255 bytes, each after its
// length.
func packets(data []byte) (list [][]byte) {
	for len(data) > 0 && len(list) < 32 {
		n := min(int(data[0]), len(data)-1)
		list = append(list, data[1:1+n])
		data = data[1+n:]
	}
	return list
}

// FuzzInput gives one end of a session packets at some point of its life:
// as they are, behind a header that fits, or armoured by the peer itself.
func FuzzInput(f *testing.F) {
	tune := fuzzArmours(f)
	clientTLS, serverTLS := testTLS(f, false), testTLS(f, true)
	join := func(b ...[]byte) (all []byte) {
		for _, p := range b {
			all = append(append(all, byte(len(p))), p...)
		}
		return all
	}
	for armour := range tune {
		for mode := range uint8(3) {
			f.Add(uint8(armour), uint8(mode), true, uint8(99), join([]byte{0x20, 0, 0, 0, 0, 9, 'x'}, []byte{0x28, 1, 0, 0, 0, 1}))
			f.Add(uint8(armour), uint8(mode), false, uint8(3), join([]byte{0x18, 0, 0, 0, 0, 0}, []byte{0x40, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1}))
			f.Add(uint8(armour), uint8(mode), true, uint8(6), join(append([]byte{0x20, 0, 0, 0, 0, 2}, brokenRecord...)))
		}
	}
	f.Fuzz(func(t *testing.T, armour, mode uint8, server bool, steps uint8, data []byte) {
		p := newPair(t, path{delay: time.Millisecond}, func(client, serving *Config, a *wrap.Armour) {
			client.TLS, serving.TLS = clientTLS, serverTLS
			tune[int(armour)%len(tune)](client, serving, a)
		})
		p.run(time.Minute, func() bool { steps--; return steps == 255 || p.established() })
		victim, peer := p.client, p.server
		if server {
			victim, peer = p.server, p.client
		}
		if victim.Session == nil || peer.Session == nil {
			return
		}
		working := p.established()
		for _, packet := range packets(data) {
			_ = victim.Input(p.now, p.disguise(peer, mode%3, packet))
			p.turn(victim)
		}
		if !working || victim.port.wrapper.Overhead(wire.PControlV1) == 0 || mode%3 == 2 {
			return // anyone may end it
		}
		if victim.Err() != nil {
			t.Fatalf("ended with %v", victim.Err())
		}
		p.exchange(p.client, p.server)
		p.exchange(p.server, p.client)
	})
}

// disguise makes fuzz data look like a packet of the peer.
func (p *pair) disguise(peer *end, mode uint8, data []byte) []byte {
	if mode == 0 || len(data) == 0 {
		return data
	}
	header := append(data[:1:1], peer.port.local[:]...)
	if mode == 1 {
		return append(header, data[1:]...)
	}
	c := wire.Control{Session: peer.port.local, Peer: peer.port.remote}
	c.Op, c.Key = wire.ParseHead(data[0])
	if !c.Op.IsControl() || c.Op.HasWKc() || len(data) < 6 {
		return data
	}
	for range min(data[1], wire.MaxAcks) {
		c.Acks = append(c.Acks, wire.PacketID(data[2]))
	}
	c.ID, c.Payload = wire.PacketID(int8(data[5])), data[6:]
	return peer.port.wrapper.Wrap(nil, &c, p.now)
}

func FuzzGreet(f *testing.F) {
	tune := fuzzArmours(f)
	var greeters []*Greeter
	for i := range tune {
		p := newPair(f, path{}, tune[i])
		greeters = append(greeters, p.greeter)
		p.client.Output(p.now, func(b []byte) { f.Add(uint8(i), bytes.Clone(b)) })
	}
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, armour uint8, packet []byte) {
		before := bytes.Clone(packet)
		reply, in, err := greeters[int(armour)%len(greeters)].Greet(now, clientAddr, packet)
		if !bytes.Equal(packet, before) {
			t.Error("the packet was changed")
		}
		if n := len(reply); n > 100 {
			t.Errorf("a reply of %d bytes to nobody in particular", n)
		}
		if (err == nil) == (reply == nil && in == nil) || reply != nil && in != nil {
			t.Errorf("reply %x, opening %v, error %v", reply, in, err)
		}
		if in != nil && in.Proven {
			t.Errorf("%x proves nothing", packet)
		}
		in, err = greeters[int(armour)%len(greeters)].GreetConnected(packet)
		if (err == nil) != (in != nil) || !bytes.Equal(packet, before) {
			t.Errorf("connected: opening %v, error %v, packet now %x", in, err, packet)
		}
	})
}
