//go:build interop

package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/negotiate"
)

// TestOldKeyDerivation: data keys by the PRF of before OpenVPN 2.6, with stock
// at the other end, in either role. Ours is a session without an adapter, that
// plays a peer which cannot use the TLS exporter.
func TestOldKeyDerivation(t *testing.T) {
	t.Parallel()
	c := plain
	c.armour = "none"
	for _, cipher := range []string{"AES-256-GCM", "AES-256-CBC"} {
		c.cipher = cipher
		t.Run(cipher+"/ours-client/stock-server", func(t *testing.T) {
			l := newLab(t)
			a, b := l.host("c"), l.host("s")
			w := l.join(a, b)
			b.run(stock, b.serverConfig(serverParty(t, c))).up()
			client := clientParty(t, c)
			client.ciphers = cipher
			p := a.helper("old-client", a.clientConfig(client, w.b4), w.b4.String()+":1194")
			if err := p.wait(patience); err != nil {
				t.Error(err)
			}
		})
		t.Run(cipher+"/stock-client/ours-server", func(t *testing.T) {
			l := newLab(t)
			a, b := l.host("c"), l.host("s")
			w := l.join(a, b)
			b.helper("old-server", b.serverConfig(serverParty(t, c)), w.b4.String()+":1194")
			client := clientParty(t, c)
			client.ciphers = cipher
			a.run(stock, a.clientConfig(client, w.b4)).up()
			a.ping(serverIPv4)
		})
	}
}

// oldPeer is a session over a socket, driven by one goroutine.
type oldPeer struct {
	conn   *net.UDPConn
	to     netip.AddrPort
	s      *session.Session
	cipher string
	pinged bool
	done   bool
}

func oldConfig(file string, server bool) (*config.Config, session.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, session.Config{}, err
	}
	c, err := config.ParseFile(file, text, os.ReadFile)
	if err != nil {
		return nil, session.Config{}, err
	}
	s, err := profile.Session(c, server, func(string) {})
	return c, s, err
}

func oldClient(file, server string) error {
	c, cfg, err := oldConfig(file, false)
	if err != nil {
		return err
	}
	wrapper, err := profile.ClientWrapper(c)
	if err != nil {
		return err
	}
	cfg.Wrapper = wrapper()
	cfg.PeerInfo["IV_PROTO"] = fmt.Sprint(uint64(negotiate.ProtoDataV2 | negotiate.ProtoRequestPush))
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return err
	}
	p := &oldPeer{conn: conn, to: netip.MustParseAddrPort(server), s: session.NewClient(cfg, time.Now())}
	return p.run(20 * time.Second)
}

func oldServer(file, at string) error {
	c, cfg, err := oldConfig(file, true)
	if err != nil {
		return err
	}
	armour, err := profile.Armour(c)
	if err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		return err
	}
	greeter := session.NewGreeter(armour, session.Rate{})
	p := &oldPeer{conn: conn, cipher: c.Data.Ciphers[0]}
	for b := make([]byte, 2000); p.s == nil; {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return err
		}
		reply, in, _ := greeter.Greet(time.Now(), from, b[:n])
		if reply != nil {
			conn.WriteToUDPAddrPort(reply, from)
		}
		if in != nil {
			p.to, p.s = from, session.Accept(cfg, in, time.Now())
			p.s.Input(time.Now(), b[:n])
		}
	}
	return p.run(time.Minute)
}

// run works until an echo reply came, or time is up.
func (p *oldPeer) run(limit time.Duration) error {
	packet := buf.New(2000)
	for end := time.Now().Add(limit); !p.done; {
		now := time.Now()
		if now.After(end) {
			return errors.New("no echo came back in time: " + p.s.Stage())
		}
		if err := p.settle(now); err != nil {
			return err
		}
		p.conn.SetReadDeadline(now.Add(50 * time.Millisecond))
		n, _, err := p.conn.ReadFromUDPAddrPort(packet.Room())
		if err != nil {
			continue
		}
		packet.SetLen(n)
		p.receive(time.Now(), packet)
	}
	return nil
}

func (p *oldPeer) settle(now time.Time) error {
	p.s.Advance(now)
	for _, e := range p.s.Events() {
		switch e := e.(type) {
		case *session.Hello:
			params := negotiate.ServerParams(p.cipher, 1, e.PeerInfo)
			params.TLSEKM, params.CCExit, params.Epoch = false, false, false
			if err := p.s.Admit(now, params, []string{"ifconfig 10.8.0.2 255.255.255.0", "topology subnet", "route-gateway 10.8.0.1"}); err != nil {
				return err
			}
		case session.Established:
			fmt.Println("up:", e.Params.Describe(), "exporter", e.Params.TLSEKM)
			if e.Params.TLSEKM {
				return errors.New("keys from the TLS exporter all the same")
			}
		case session.Pushed:
			p.ping(now, e.Options)
		case session.Closed:
			return e.Err
		}
	}
	p.s.Output(now, func(b []byte) { p.conn.WriteToUDPAddrPort(b, p.to) })
	return nil
}

// ping sends an echo request to the server from the address it pushed.
func (p *oldPeer) ping(now time.Time, options []string) {
	src := netip.AddrFrom4([4]byte{10, 8, 0, 2})
	for _, o := range options {
		var local, mask string
		if n, _ := fmt.Sscanf(o, "ifconfig %s %s", &local, &mask); n == 2 {
			src = netip.MustParseAddr(local)
		}
	}
	b := make([]byte, 28)
	b[0], b[3], b[8], b[9], b[20] = 0x45, 28, 64, 1, 8
	copy(b[12:], src.AsSlice())
	copy(b[16:], serverIPv4.AsSlice())
	binary.BigEndian.PutUint16(b[10:], checksum(b[:20]))
	binary.BigEndian.PutUint16(b[22:], checksum(b[20:]))
	p.pinged = true
	p.send(now, b)
}

func (p *oldPeer) send(now time.Time, b []byte) {
	packet := buf.New(2000)
	packet.Set(b)
	if p.s.Data().Seal(now, packet) == nil {
		p.conn.WriteToUDPAddrPort(packet.Bytes(), p.to)
	}
}

// receive takes a packet; an echo request is answered.
func (p *oldPeer) receive(now time.Time, packet *buf.Packet) {
	if op := packet.Bytes()[0] >> 3; op != 6 && op != 9 {
		p.s.Input(now, packet.Bytes())
		return
	}
	kind, err := p.s.Data().Open(now, packet)
	b := packet.Bytes()
	if err != nil || kind != session.KindPacket || len(b) < 28 || b[0] != 0x45 || b[9] != 1 {
		return
	}
	switch {
	case b[20] == 0 && p.pinged:
		p.done = true
	case b[20] == 8:
		src := append([]byte(nil), b[12:16]...)
		copy(b[12:16], b[16:20])
		copy(b[16:20], src)
		b[20], b[22], b[23] = 0, 0, 0
		binary.BigEndian.PutUint16(b[22:], checksum(b[20:]))
		p.send(now, b)
	}
}

// checksum is the one of RFC 1071, over a field that is 0 now.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	sum = sum&0xffff + sum>>16
	return ^uint16(sum + sum>>16)
}
