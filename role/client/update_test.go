package client

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/nic/nictest"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/session/wrap"
	"culvert/tunnel"
)

// deafLink loses what it is given.
type deafLink struct{ link.Link }

func (deafLink) WriteBatch(batch []*buf.Packet) (int, error) { return len(batch), nil }

// TestPushUpdateChangesTheHost replaces and takes back what was pushed, while
// the tunnel is up.
func TestPushUpdateChangesTheHost(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	cfg := &config.Config{Pull: true, Adapter: config.Adapter{Dev: "tun", MTU: 1500}}
	pipe := nictest.New("tun0", 1500)
	c := &Client{cfg: cfg, log: log, said: event.NewLog(log, words), ended: make(chan error, 1), opts: Options{Log: log,
		Open: func(context.Context, bringup.State) (*bringup.Adapter, error) {
			return &bringup.Adapter{NIC: pipe}, nil
		}}}
	c.opts.Resolve = func(context.Context, string, string) ([]netip.Addr, error) { return nil, errors.New("no names here") }
	c.remotes = reach.NewRemotes(cfg, c.opts.Resolve)
	c.one = c.onePeer()
	c.road = tunnel.Road{Role: role{c.one}, PacketSize: 2000}
	s := session.NewClient(session.Config{Wrapper: wrap.None{}, TLSTimeout: time.Second, HandWindow: time.Minute}, time.Now())
	a := &attempt{Client: c, settings: &profile.Settings{Config: cfg}, base: cfg, target: reach.Target{Addr: netip.MustParseAddrPort("192.0.2.1:1194")}}
	a.peer = tunnel.NewPeer(s, deafLink{}, buf.Path{}, func(*tunnel.Peer, time.Time, session.Event) {})
	t.Cleanup(func() { c.closeAdapter(); a.peer.Stop() })

	ctx := context.Background()
	if err := a.pushed(ctx, session.Pushed{Options: []string{"ifconfig 10.8.0.2 255.255.255.0", "topology subnet", "route 10.1.0.0 255.255.0.0", "dhcp-option DNS 10.8.0.1"}}); err != nil {
		t.Fatal(err)
	}
	if err := a.updated(ctx, []string{"route 10.2.0.0 255.255.0.0", "route 10.3.0.0 255.255.0.0", "-dhcp-option", "?cipher AES-128-GCM"}); err != nil {
		t.Fatal(err)
	}
	if n := len(a.state.Routes); n != 2 || a.state.Routes[0].Dst != netip.MustParsePrefix("10.2.0.0/16") || a.state.DNS != nil || len(a.state.Addresses) != 1 {
		t.Errorf("the host is to be %+v", a.state)
	}
	var lost *lostError
	if err := a.updated(ctx, []string{"cipher AES-128-GCM"}); !errors.As(err, &lost) {
		t.Errorf("a change that takes a new connection: %v", err)
	}
	if err := a.updated(ctx, []string{"-route"}); err != nil || len(a.state.Routes) != 0 {
		t.Errorf("%v, %+v", err, a.state.Routes)
	}
}
