//go:build linux

package main

import (
	"context"
	"fmt"

	"culvert/lab/bench/lab"
	"culvert/lab/bench/peer"
	"culvert/lab/bench/report"
)

// proxyAddress is where the client in user space offers its proxy.
const proxyAddress = "127.0.0.1:1080"

// userSpace measures our two ends without a device: from a SOCKS5 proxy to an
// ordinary socket of the server's.
func userSpace(ctx context.Context, b *bench, _ string, record func(string, float64)) error {
	s, err := b.StartUserSpaceServer(ctx)
	if err != nil {
		return err
	}
	defer s.Process.Stop()
	client, err := b.File("userspace.ovpn", b.ClientConfig(s, "dev tun"))
	if err != nil {
		return err
	}
	c, err := b.Lab.Client.Start("userspace-client", b.Programs.Culvert, "connect", client, "--socks", proxyAddress)
	if err != nil {
		return err
	}
	defer c.Stop()
	if err := peer.Up(ctx, c); err != nil {
		return err
	}
	for _, way := range []struct {
		metric string
		down   bool
	}{{report.UserSpaceUp, false}, {report.UserSpaceDown, true}} {
		a, err := b.stream(lab.ServerOuter.String(), 1, way.down, "-proxy", proxyAddress)
		if err != nil {
			return fmt.Errorf("%s: %w", way.metric, err)
		}
		record(way.metric, a.BitsPerSecond()/1e9)
	}
	return nil
}
