//go:build linux

package peer

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"

	"culvert/lab/bench/lab"
)

// wireGuardMTU is what WireGuard's own tools set on a cable of 1,500 bytes.
const wireGuardMTU = 1420

// startWireGuard configures both ends by the protocol of wireguard-go's
// sockets (WireGuard, "Cross-Platform Userspace Implementation").
func (b *Bench) startWireGuard(ctx context.Context) (*Tunnel, error) {
	at := b.place()
	serverKey, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	clientKey, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &Tunnel{Inside: at.server()}
	t.Server, err = b.wireGuardEnd(ctx, b.Lab.Server, at.device+"s", at.server(), fmt.Sprintf(
		"private_key=%x\nlisten_port=%d\npublic_key=%x\nallowed_ip=%v/32\n",
		serverKey.Bytes(), at.port, clientKey.PublicKey().Bytes(), at.client()))
	if err != nil {
		return nil, err
	}
	t.Client, err = b.wireGuardEnd(ctx, b.Lab.Client, at.device+"c", at.client(), fmt.Sprintf(
		"private_key=%x\npublic_key=%x\nendpoint=%v:%d\nallowed_ip=%v\n",
		clientKey.Bytes(), serverKey.PublicKey().Bytes(), lab.ServerOuter, at.port, at.net))
	return t, err
}

func (b *Bench) wireGuardEnd(ctx context.Context, h *lab.Host, device string, inside netip.Addr, settings string) (*lab.Process, error) {
	// The name is also that of a socket in a directory that all hosts share.
	device = fmt.Sprintf("%s-%d", device, os.Getpid())
	p, err := h.Start(WireGuard, "env", "LOG_LEVEL=verbose", b.WireGuard, "--foreground", device)
	if err != nil {
		return nil, err
	}
	if err := p.Expect(ctx, regexp.MustCompile("UAPI listener started")); err != nil {
		return nil, err
	}
	if err := configureWireGuard("/var/run/wireguard/"+device+".sock", settings); err != nil {
		return nil, err
	}
	return p, h.Up(device, netip.PrefixFrom(inside, 16), wireGuardMTU)
}

func configureWireGuard(socket, settings string) error {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "set=1\n%s\n", settings); err != nil {
		return err
	}
	answer := make([]byte, len("errno=0\n\n"))
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "errno=0\n\n" {
		return fmt.Errorf("wireguard-go refused its configuration: %q, %v", answer, err)
	}
	return nil
}

func (b *Bench) startNull(ctx context.Context) (*Tunnel, error) {
	at := b.place()
	t := &Tunnel{Inside: at.server()}
	var err error
	if t.Server, err = b.nullEnd(ctx, b.Lab.Server, at, at.server(), lab.ClientOuter); err != nil {
		return nil, err
	}
	t.Client, err = b.nullEnd(ctx, b.Lab.Client, at, at.client(), lab.ServerOuter)
	return t, err
}

func (b *Bench) nullEnd(ctx context.Context, h *lab.Host, at place, inside, peer netip.Addr) (*lab.Process, error) {
	port := fmt.Sprint(at.port)
	p, err := h.Start("nulltunnel", b.Null, at.device, port, peer.String(), port)
	if err != nil {
		return nil, err
	}
	if err := p.Expect(ctx, regexp.MustCompile("ready")); err != nil {
		return nil, err
	}
	return p, h.Up(at.device, netip.PrefixFrom(inside, 16), 1500)
}
