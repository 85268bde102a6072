package server_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"culvert/host/bringup"
	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/nic/nictest"
	"culvert/role/client"
	"culvert/role/server"
)

// watchedLink reports whether anything was read from or written to it.
type watchedLink struct {
	link.Link
	used bool
}

func (l *watchedLink) ReadBatch(batch []*buf.Packet) (int, error) {
	l.used = true
	return l.Link.ReadBatch(batch)
}

func (l *watchedLink) WriteBatch(batch []*buf.Packet) (int, error) {
	l.used = true
	return l.Link.WriteBatch(batch)
}

var errStay = errors.New("rights cannot be given up")

// TestRightsComeBeforePackets: rights are given up when no packet has been read or
// sent yet, and who cannot give them up never gets to that.
func TestRightsComeBeforePackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, simnet.Options{})
		var at *simnet.Endpoint
		var links []*watchedLink
		listen := func(addr netip.AddrPort) func(link.Options) (link.Link, error) {
			return func(o link.Options) (link.Link, error) {
				l, err := w.listener(addr, &at)(o)
				links = append(links, &watchedLink{Link: l})
				return links[len(links)-1], err
			}
		}
		asked := 0
		give := func() error {
			asked++
			time.Sleep(time.Second) // whoever reads does so now
			return errStay
		}
		device := false
		open := func(ctx context.Context, want bringup.State) (*bringup.Adapter, error) {
			device = true
			return opener(nictest.New("tun", 1500), nil)(ctx, want)
		}
		var log logBuffer
		s := must(server.New(parse(t, "server.conf", ours().serverConf("")), server.Options{Log: log.logger(), Open: open, Listen: listen(serverAddr), Opened: func(*server.Server) error { return give() }}))(t)
		if err := s.Run(t.Context()); !errors.Is(err, errStay) || !device {
			t.Errorf("server: %v, adapter open: %v", err, device)
		}
		c := must(client.New(parse(t, "c.ovpn", ours().profile(t, "anna", "")), client.Options{Log: log.logger(), Open: open,
			Listen: listen(netip.MustParseAddrPort("198.51.100.200:4000")), Opened: give}))(t)
		if err := c.Run(t.Context()); !errors.Is(err, errStay) {
			t.Errorf("client: %v", err)
		}
		for _, l := range links {
			if l.used {
				t.Error("packets were read or sent with rights")
			}
		}
		if asked != 2 || len(links) != 1 {
			t.Errorf("asked %d times, %d sockets", asked, len(links))
		}
	})
}
