package p2p

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/nic/userstack"
	"culvert/role/event"
)

// inUserSpace runs a host without a device, which carries on what comes out of the
// tunnel to this process's own services, until the test ends.
func inUserSpace(t *testing.T, n *simnet.Network, at netip.AddrPort, service string, lines ...string) (*Host, <-chan struct{}) {
	t.Helper()
	c, err := config.ParseFile("test.conf", []byte(strings.Join(append(lines, "dev tun", "keepalive 2 8", ""), "\n")), os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{}, 1)
	h, err := New(c, Options{
		Log: quiet,
		Open: bringup.UserSpace(&userstack.ForwardOptions{Logger: quiet, Local: func(to netip.AddrPort) (netip.AddrPort, bool) {
			return netip.MustParseAddrPort(service), to.Addr() == at.Addr()
		}}),
		Listen: func(link.Options) (link.Link, error) { return n.Listen(at) },
		Events: func(e Event) {
			switch e := e.(type) {
			case event.Up:
				up <- struct{}{}
			case event.Looped:
				t.Errorf("a route is blamed that there is not: %v", e.Addr)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h, up
}

// TestOuterAddressInUserSpace: two hosts without a device reach what listens at
// each other's outer address through the tunnel. No route of either leads there, so
// no packet can go round in circles.
func TestOuterAddressInUserSpace(t *testing.T) {
	service, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	go func() {
		for {
			c, err := service.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	network := simnet.New(simnet.Options{})
	b, upB := inUserSpace(t, network, addrB, service.Addr().String(), static, ifconfigB)
	a, upA := inUserSpace(t, network, addrA, service.Addr().String(), static, ifconfigA, "remote 192.0.2.2")
	<-upA
	<-upB
	for from, to := range map[*Host]netip.AddrPort{a: addrB, b: addrA} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c, err := from.DialContext(ctx, "tcp", netip.AddrPortFrom(to.Addr(), 80).String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		said := []byte("through the tunnel")
		heard := make([]byte, len(said))
		c.Write(said)
		if _, err := io.ReadFull(c, heard); err != nil || !bytes.Equal(said, heard) {
			t.Errorf("heard %q, %v", heard, err)
		}
	}
}
