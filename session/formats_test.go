package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/internal/digest"
	"culvert/session/framing"
	"culvert/session/negotiate"
	"culvert/session/seal"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// TestEpochsInOneTransfer: both ends negotiate epoch keys unasked, and a
// transfer goes on while they are renewed, without a renegotiation.
func TestEpochsInOneTransfer(t *testing.T) {
	p := newPair(t, path{}, func(client, server *Config, _ *wrap.Armour) {
		client.Limits, server.Limits = seal.Limits{Packets: 20}, seal.Limits{Usage: 200}
	})
	p.run(time.Second, p.established)
	if !p.client.handshake.params.Epoch || !p.server.handshake.params.Epoch {
		t.Fatalf("no epoch keys: %+v", p.client.handshake.params)
	}
	var epochs []uint16
	for range 100 {
		packet := buf.New(1500)
		packet.Set([]byte("an IP packet"))
		if err := p.client.data.Seal(p.now, packet); err != nil {
			t.Fatal(err)
		}
		epochs = append(epochs, binary.BigEndian.Uint16(packet.Bytes()[wire.DataHeaderV2:]))
		if _, err := p.server.data.Open(p.now, packet); err != nil {
			t.Fatal(err)
		}
		p.exchange(p.server, p.client)
	}
	if last := epochs[len(epochs)-1]; epochs[0] != 1 || last < 4 {
		t.Errorf("epochs %v", epochs)
	}
	p.pass(10 * time.Minute)
	if n := count[Rekeyed](p.client.events); n != 0 {
		t.Errorf("%d renegotiations", n)
	}
	p.exchange(p.client, p.server)
}

// Old peers without the flag get the old format.
func TestNoEpochsWithOlderPeers(t *testing.T) {
	p := newPair(t, path{}, func(client, _ *Config, _ *wrap.Armour) {
		client.PeerInfo["IV_PROTO"] = fmt.Sprint(uint64(client.PeerInfo.Proto() &^ negotiate.ProtoEpoch))
	})
	p.run(time.Second, p.established)
	p.exchange(p.client, p.server)
	if p.client.handshake.params.Epoch || p.server.handshake.params.Epoch {
		t.Error("epoch keys all the same")
	}
}

func TestCBCAndNone(t *testing.T) {
	sha256 := must(digest.Lookup("SHA256"))(t)
	for _, cipher := range []string{"AES-256-CBC", "AES-128-CBC", "NONE"} {
		p := newPair(t, path{}, func(client, server *Config, _ *wrap.Armour) {
			for _, c := range []*Config{client, server} {
				c.Ciphers, c.Digest, c.Insecure = []string{cipher}, sha256, cipher == "NONE"
			}
			client.PeerInfo = negotiate.LocalPeerInfo("test", "linux", client.Ciphers, 1600, nil)
		})
		p.run(time.Second, p.established)
		p.exchange(p.client, p.server)
		p.exchange(p.server, p.client)
		if p.client.handshake.params.Cipher != cipher || p.client.handshake.params.Epoch {
			t.Errorf("%s: %+v", cipher, p.client.handshake.params)
		}
	}
}

// TestOpenTunnelsAreSaid: what anybody can read or change is warned of by both
// ends each time it comes up.
func TestOpenTunnelsAreSaid(t *testing.T) {
	sha256 := must(digest.Lookup("SHA256"))(t)
	for _, c := range []struct {
		cipher, said string
		digest       digest.Digest
	}{{"NONE", "IS UNENCRYPTED", sha256}, {"AES-128-CBC", "NOT AUTHENTICATED", digest.Digest{}}, {"AES-128-CBC", "", sha256}, {"AES-128-GCM", "", digest.Digest{}}} {
		p := newPair(t, path{}, func(client, server *Config, _ *wrap.Armour) {
			for _, s := range []*Config{client, server} {
				s.Ciphers, s.Digest, s.Insecure = []string{c.cipher}, c.digest, true
			}
			client.PeerInfo = negotiate.LocalPeerInfo("test", "linux", client.Ciphers, 1600, nil)
		})
		p.run(time.Second, p.established)
		for _, events := range [][]Event{p.client.events, p.server.events} {
			if got := find[Remark](events).Text; !strings.Contains(got, c.said) || (got != "") != (c.said != "") {
				t.Errorf("%s: said %q, want %q", c.cipher, got, c.said)
			}
		}
	}
}

// frames are what an end is configured to put before packets.
type frames struct {
	compression wire.Compression
	fragment    int
}

// fields are those of the options string that tell of it.
func (f frames) fields() (fields []string) {
	if f.compression != wire.CompressionOff {
		fields = append(fields, negotiate.FieldCompression)
	}
	if f.fragment > 0 {
		fields = append(fields, negotiate.FieldFragments)
	}
	return fields
}

// framed makes a pair whose options strings tell of framing.
func framed(t *testing.T, client, server frames, adjust ...func(c, s *Config)) *pair {
	p := newPair(t, path{delay: time.Millisecond}, func(c, s *Config, _ *wrap.Armour) {
		c.Compression, s.Compression = client.compression, server.compression
		c.Fragment, s.Fragment = client.fragment, server.fragment
		c.Options = negotiate.OptionsString(false, "tun", 1500, "UDPv4", "", client.fields()...)
		s.Options = negotiate.OptionsString(true, "tun", 1500, "UDPv4", "", server.fields()...)
		c.Timers = Timers{Ping: 10 * time.Second, PingRestart: time.Minute}
		s.Timers = c.Timers
		for _, a := range adjust {
			a(c, s)
		}
	})
	p.run(time.Second, p.established)
	return p
}

// remarks are what an end said for people.
func (e *end) remarks() string {
	var all []string
	for _, event := range e.events {
		if r, ok := event.(Remark); ok {
			all = append(all, r.Text)
		}
	}
	return strings.Join(all, "\n")
}

func TestFramingIsAgreed(t *testing.T) {
	for _, c := range []wire.Compression{wire.CompressionLZO, wire.CompressionStub, wire.CompressionV2} {
		p := framed(t, frames{c, 0}, frames{c, 0})
		p.exchange(p.client, p.server)
		p.exchange(p.server, p.client)
		p.pass(5 * time.Minute) // pings are framed too
		if p.client.Err() != nil || p.server.Err() != nil {
			t.Errorf("%v: %v, %v", c, p.client.Err(), p.server.Err())
		}
		if said := p.client.remarks() + p.server.remarks(); said != "" {
			t.Errorf("%v: said %s", c, said)
		}
	}
	tellsNothing := func(c, _ *Config) { c.Options = "" } // so the server goes by its own
	p := framed(t, frames{}, frames{wire.CompressionLZO, 0}, tellsNothing)
	if !strings.Contains(p.client.remarks(), "the peer uses compression framing") {
		t.Errorf("the client says %q", p.client.remarks())
	}
}

// TestFramingOfOneSide: of two ends that are configured otherwise one gives way,
// not both.
func TestFramingOfOneSide(t *testing.T) {
	for _, client := range []frames{{}, {wire.CompressionLZO, 0}, {wire.CompressionOff, 1300}, {wire.CompressionLZO, 1300}} {
		for _, server := range []frames{{}, {wire.CompressionLZO, 0}, {wire.CompressionOff, 1300}, {wire.CompressionLZO, 1300}} {
			p := framed(t, client, server)
			p.exchange(p.client, p.server)
			p.exchange(p.server, p.client)
			if said := p.client.remarks(); said != "" {
				t.Errorf("client %v, server %v: the client says %s", client, server, said)
			}
			if said := p.server.remarks(); (said != "") != (client != server) {
				t.Errorf("client %v, server %v: the server says %q", client, server, said)
			}
		}
	}
}

func TestFragmentsThroughASession(t *testing.T) {
	p := framed(t, frames{wire.CompressionStub, 300}, frames{wire.CompressionStub, 300})
	text := bytes.Repeat([]byte("E..."), 350)
	packet, got := buf.New(1500), buf.New(1500)
	packet.Set(text)
	if err := p.client.data.Seal(p.now, packet); err != framing.ErrTooLarge {
		t.Fatalf("1,400 bytes in one piece: %v", err)
	}
	pieces, err := p.client.data.Cut(packet)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		more, err := p.client.data.SealPiece(p.now, &pieces, got)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			break
		}
		if got.Len() > 300 {
			t.Errorf("a datagram of %d bytes", got.Len())
		}
		kind, err := p.server.data.Open(p.now, got)
		if err != nil || (kind == KindPacket) != (n == 5) {
			t.Errorf("piece %d: kind %v, %v", n, kind, err)
		}
		if kind == KindPacket && !bytes.Equal(got.Bytes(), text) {
			t.Error("the packet changed")
		}
	}
	p.exchange(p.server, p.client)
	if n := p.client.data.Fit(300); n < 200 || n > 300-4-1-24 {
		t.Errorf("%d bytes fit 300", n)
	}
}

// A peer that frames without agreement is recognised and named, once.
func TestUnagreedFramingIsSaid(t *testing.T) {
	p := newPair(t, path{}, nil)
	p.run(time.Second, p.established)
	p.server.data.Malformed([]byte{wire.FramePlain, 0x45})
	p.server.data.Malformed([]byte{wire.FramePlain, 0x45})
	p.pass(5 * time.Minute)
	if said := p.server.remarks(); strings.Count(said, "IP packet with unknown IP version=15") != 1 {
		t.Errorf("said %q", said)
	}
	p = framed(t, frames{wire.CompressionLZO, 0}, frames{wire.CompressionLZO, 0})
	bare := buf.New(100)
	bare.Set([]byte("bare"))
	p.client.data.ring.Seal(bare)
	if _, err := p.server.data.Open(p.now, bare); err == nil || bare.Len() != 0 {
		t.Errorf("%d bytes, %v", bare.Len(), err)
	}
	p.pass(5 * time.Minute)
	if said := p.server.remarks(); strings.Count(said, "begins with 0x62") != 1 {
		t.Errorf("said %q", said)
	}
}

// Replays and forgeries are summed up, not told one by one.
func TestTroubleIsSummedUp(t *testing.T) {
	for _, mute := range []bool{false, true} {
		p := newPair(t, path{}, func(_, server *Config, _ *wrap.Armour) { server.MuteReplays = mute })
		p.run(time.Second, p.established)
		p.pass(2 * time.Minute)
		var first []byte
		for i := range 201 {
			packet := buf.New(1500)
			packet.Set([]byte("an IP packet"))
			p.client.data.Seal(p.now, packet)
			if i == 0 {
				first = bytes.Clone(packet.Bytes())
				continue
			}
			again := bytes.Clone(packet.Bytes())
			p.server.data.Open(p.now, packet)
			if i == 200 {
				packet.Set(again)
				p.server.data.Open(p.now, packet)
				again[len(again)-1] ^= 1
				again[11]++
				packet.Set(again)
				p.server.data.Open(p.now, packet)
				packet.Set(first)
				p.server.data.Open(p.now, packet)
			}
		}
		p.pass(5 * time.Minute)
		said := p.server.remarks()
		want := "1 seen before, 1 too late; the deepest reordering was by 200 packets, replay-window is 64; replay-window 256 would take them"
		if n := strings.Count(said, want); n != 1 && !mute || mute && strings.Contains(said, "seen before") {
			t.Errorf("muted %t: said %q", mute, said)
		}
		if n := strings.Count(said, "key 0: 1 bad, 200 good"); n != 1 {
			t.Errorf("said %q", said)
		}
	}
}
