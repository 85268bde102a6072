//go:build linux

package peer

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"culvert/lab/bench/lab"
)

// Tunnel is a tunnel between the two hosts of the lab that is up.
type Tunnel struct {
	// Inside is the server's address to send to.
	Inside         netip.Addr
	Client, Server *lab.Process // nil for the bare cable
}

// Stop takes the tunnel down.
func (t *Tunnel) Stop() {
	for _, p := range []*lab.Process{t.Client, t.Server} {
		if p != nil {
			p.Stop()
		}
	}
}

// Bench is what tunnels are made of.
type Bench struct {
	*lab.Lab
	Programs
	Keys
	used int
}

// place is where one tunnel has its ends, so that several stand side by side.
type place struct {
	port   int
	device string
	net    netip.Prefix // its first address is the server's
}

func (b *Bench) place() place {
	b.used++
	return place{2000 + b.used, fmt.Sprint("tun", b.used), netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(b.used), 0, 0}), 16)}
}

func (p place) server() netip.Addr { return p.net.Addr().Next() }
func (p place) client() netip.Addr { return p.net.Addr().Next().Next() }

// startLimit is how long a program may take to come up.
const startLimit = 20 * time.Second

// Names of the tunnels, in the order in which they are shown.
const (
	Culvert    = "culvert"
	OpenVPN    = "openvpn"
	WireGuard  = "wireguard-go"
	Null       = "null tunnel"
	Bare       = "no tunnel"
	CulvertTCP = "culvert over TCP"
	OpenVPNTCP = "openvpn over TCP"
)

// Start brings up the tunnel of that name, with the same program at both ends.
func (b *Bench) Start(ctx context.Context, name string) (*Tunnel, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	switch name {
	case Culvert, OpenVPN:
		return b.startVPN(ctx, name, "udp4")
	case CulvertTCP:
		return b.startVPN(ctx, Culvert, "tcp4")
	case OpenVPNTCP:
		return b.startVPN(ctx, OpenVPN, "tcp4")
	case WireGuard:
		return b.startWireGuard(ctx)
	case Null:
		return b.startNull(ctx)
	case Bare:
		return &Tunnel{Inside: lab.ServerOuter}, nil
	}
	return nil, fmt.Errorf("there is no tunnel called %q", name)
}
