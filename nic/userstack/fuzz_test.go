package userstack

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"culvert/internal/buf"

	"golang.org/x/net/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// FuzzWriteBatch: a client's bytes, whatever they are, never panic a stack
// that forwards.
func FuzzWriteBatch(f *testing.F) {
	for i, dst := range append(outside, serverAddrs...) {
		fl := flow{src: netip.AddrPortFrom(clientPrefixes[i%2].Addr(), 1234), dst: netip.AddrPortFrom(dst, 80)}
		f.Add(unreachableTCP(fl, 1), []byte{})
		f.Add(unreachableUDP(fl), []byte{0x45})
		echo, _ := echoMessage(dst, icmp.Echo{ID: 1, Seq: 2, Data: []byte("ping")}, false)
		f.Add(icmpPacket(fl, echo), echo)
		f.Add(tcpPacket(fl, header.TCPFlagSyn, 65535), tcpPacket(fl, header.TCPFlagAck, 65535))
	}
	s := newStack(f, Options{Addresses: serverPrefixes})
	fwd, err := Forward(s, ForwardOptions{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("not here") },
	})
	if err != nil {
		f.Fatal(err)
	}
	nowhere := func() (echoSocket, error) { return echoSocket{}, errors.New("not here") }
	fwd.echo4.open, fwd.echo6.open = nowhere, nowhere
	go pump(s, newStack(f, Options{Addresses: clientPrefixes}))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		batch := buf.NewBatch(2, max(buf.DefaultSize, len(a), len(b)))
		batch[0].Set(a)
		batch[1].Set(b)
		if n, err := s.WriteBatch(batch); n < 0 || n > len(batch) || (n == len(batch)) != (err == nil) {
			t.Errorf("took %d, %v", n, err)
		}
	})
}

func tcpPacket(fl flow, flags header.TCPFlags, window uint16) []byte {
	h := header.TCP(make([]byte, header.TCPMinimumSize))
	h.Encode(&header.TCPFields{
		SrcPort: fl.src.Port(), DstPort: fl.dst.Port(), SeqNum: 1,
		DataOffset: header.TCPMinimumSize, Flags: flags, WindowSize: window,
	})
	sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, fromAddr(fl.src.Addr()), fromAddr(fl.dst.Addr()), uint16(len(h)))
	h.SetChecksum(^h.CalculateChecksum(sum))
	return ipPacket(fl, header.TCPProtocolNumber, h)
}
