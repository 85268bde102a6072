package hub

import (
	"context"
	"errors"
	"fmt"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/process"
	"culvert/nic"
	"culvert/nic/hub"
	"culvert/role/client"
	"culvert/role/profile"
)

// uplinkKind is a kind of uplink.
type uplinkKind string

const (
	noUplink uplinkKind = ""
	physical uplinkKind = "physical"
	tunnel   uplinkKind = "tunnel"
)

func kindOf(uplink string) uplinkKind {
	switch {
	case uplink == none:
		return noUplink
	case isFile(uplink):
		return tunnel
	}
	return physical
}

// openUplink plugs the uplink in. If a tunnel ends by itself, it calls end with
// the reason.
func (s *Switch) openUplink(ctx context.Context, end context.CancelCauseFunc, o Options) error {
	switch s.kind {
	case physical:
		return s.openPhysical(o.Uplink)
	case tunnel:
		return s.openTunnel(ctx, end, o)
	}
	return nil
}

func (s *Switch) openPhysical(name string) error {
	n, mac, err := s.host.openPhysical(name)
	if err != nil {
		return err
	}
	if _, err := s.hub.Add(n, hub.PortOptions{MAC: mac, Uplink: true}); err != nil {
		return errors.Join(err, n.Close())
	}
	s.mtu = n.MTU()
	s.seed = append(s.seed, mac.String())
	return nil
}

// openTunnel starts the client of a TAP tunnel. The client brings up a pair of
// adapters in memory: one is its own, the other the uplink.
func (s *Switch) openTunnel(ctx context.Context, end context.CancelCauseFunc, o Options) error {
	text, err := process.ReadFile(o.Uplink)
	if err != nil {
		return err
	}
	cfg, err := config.ParseFile(o.Uplink, text, process.ReadFile)
	if err != nil {
		return err
	}
	if cfg.Adapter.DevType != config.DevTap {
		return fmt.Errorf("%s: a tunnel for IP packets cannot carry a hub's frames: use `dev tap` on both ends", o.Uplink)
	}
	if !o.AllowScripts {
		if err := profile.Consent(ctx, cfg, o.Uplink, o.Ask); err != nil {
			return err
		}
	}
	cl, err := client.New(cfg, client.Options{Log: s.log, Ask: o.Ask, Open: s.plugTunnel})
	if err != nil {
		return err
	}
	s.running.Go(func() {
		if err := cl.Run(ctx); err != nil {
			end(fmt.Errorf("the uplink's tunnel: %w", err))
		}
	})
	return nil
}

// plugTunnel brings the tunnel's adapter up. Nobody gets the addresses that the
// server pushed: each adapter has its own.
func (s *Switch) plugTunnel(_ context.Context, want bringup.State) (*bringup.Adapter, error) {
	mtu := want.MTU
	if mtu == 0 {
		mtu = defaultMTU
	}
	near, far := hub.NewPair("tunnel", s.name, mtu)
	if _, err := s.hub.Add(near, hub.PortOptions{Uplink: true}); err != nil {
		return nil, errors.Join(err, near.Close())
	}
	return &bringup.Adapter{NIC: plug{far, s.hub, near.Name()}}, nil
}

// plug is the tunnel's end of the pair, which implements nothing beside nic.NIC.
type plug struct {
	nic.NIC
	hub  *hub.Hub
	port string
}

// Close returns when the hub has no uplink any more, so that another can be
// plugged in.
func (p plug) Close() error {
	if err := p.hub.Remove(p.port); !errors.Is(err, hub.ErrNoPort) {
		return err
	}
	return p.NIC.Close()
}
