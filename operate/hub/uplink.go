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

// uplinkKind is what an uplink is.
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

// openUplink plugs the uplink in. A tunnel tells end why it ended by itself.
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

// openTunnel starts the client of a TAP tunnel. What it brings up is a pair of
// adapters in memory, one its own and one the uplink.
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
		return fmt.Errorf("%s: a tunnel of IP packets cannot carry a hub's frames: both ends need `dev tap`", o.Uplink)
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

// plugTunnel brings the tunnel's adapter up. The addresses that the server
// pushed are nobody's: each adapter has its own.
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

// plug is the tunnel's end of the pair.
type plug struct {
	nic.NIC
	hub  *hub.Hub
	port string
}

// Close returns when the hub has no uplink any more, so that there can be
// another.
func (p plug) Close() error {
	if err := p.hub.Remove(p.port); !errors.Is(err, hub.ErrNoPort) {
		return err
	}
	return p.NIC.Close()
}
