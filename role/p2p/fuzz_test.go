package p2p

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/session/wire"
)

// FuzzHost gives a host with a connection whatever comes by UDP, from the other
// host's address and from a stranger's: the connection stays.
func FuzzHost(f *testing.F) {
	reset := wire.Control{Op: wire.PControlHardResetServerV2, Session: wire.SessionID{1}}
	f.Add(reset.AppendBody(reset.AppendHeader(nil)), false)
	reset.Op = wire.PControlHardResetClientV2
	f.Add(reset.AppendBody(reset.AppendHeader(nil)), true)
	f.Add([]byte{9 << 3, 0, 0, 0, 1, 2, 3}, true)
	f.Fuzz(func(t *testing.T, packet []byte, client bool) {
		if len(packet) == 0 || len(packet) > 1500 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			network := simnet.New(simnet.Options{Delay: time.Millisecond})
			idA, knownA := identity(t)
			idB, knownB := identity(t)
			a := start(t, network, addrA, "tls-client", idA, knownB, ifconfigA, "remote 192.0.2.2")
			b := start(t, network, addrB, "tls-server", idB, knownA, ifconfigB)
			pass(t, a, b, 1)
			target := b
			if client {
				target = a
			}
			for _, from := range []netip.AddrPort{addrA, addrB, netip.MustParseAddrPort("192.0.2.3:1194")} {
				p := buf.New(buf.DefaultSize)
				p.Set(packet)
				p.Path.Remote = from
				if !wireData(packet) {
					target.road.Role.Control(target.link, p)
				} else if peer, _ := target.road.Role.Demultiplex(target.link, p); peer != nil {
					peer.Data.Open(time.Now(), p)
				}
			}
			time.Sleep(time.Second)
			pass(t, a, b, 2)
			pass(t, b, a, 3)
			a.stop()
			b.stop()
		})
	})
}

func wireData(packet []byte) bool {
	op, _ := wire.ParseHead(packet[0])
	return op.IsData()
}

// FuzzConnection gives a host that waits for TCP whatever may come on a
// connection; the other host gets in all the same.
func FuzzConnection(f *testing.F) {
	framed := func(packet []byte) []byte {
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
	}
	reset := wire.Control{Op: wire.PControlHardResetClientV2, Session: wire.SessionID{1}}
	f.Add(framed(reset.AppendBody(reset.AppendHeader(nil))), false)
	f.Add(framed([]byte("0123456789012345678901234567890123456789012345678901234567890123")), true)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, stream []byte, shared bool) {
		synctest.Test(t, func(t *testing.T) {
			network, tcp := simnet.New(simnet.Options{}), new(streams)
			linesA, linesB := tcpPair(t, "tls-client", "tls-server")
			if shared {
				linesA = []string{static, ifconfigA, "proto tcp-client", "remote 192.0.2.2"}
				linesB = []string{static, ifconfigB, "proto tcp-server"}
			}
			b := startOver(t, network, tcp, addrB, linesB...)
			synctest.Wait()
			c, err := tcp.dial(netip.MustParseAddr("192.0.2.3"), addrB)
			if err != nil {
				t.Fatal(err)
			}
			if len(stream) > 0 {
				go c.Write(stream)
			}
			a := startOver(t, network, tcp, addrA, linesA...)
			pass(t, a, b, 1)
			pass(t, b, a, 2)
			c.Close()
			a.stop()
			b.stop()
		})
	})
}
