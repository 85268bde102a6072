package p2p

import (
	"context"
	"net/netip"

	"culvert/config"
	"culvert/endpoint"
	"culvert/session"
	"culvert/session/seal"
	"culvert/session/wrap"
)

// profile is what one configuration makes of every session: that of the file,
// or with a <connection> block applied.
type profile struct {
	cfg     *config.Config
	session session.Config
	wrapper func() wrap.Wrapper // nil with a static key
	trust   *endpoint.Trust     // the same
}

func newProfile(c *config.Config, warn func(string), lists endpoint.ListSource) (p *profile, err error) {
	p = &profile{cfg: c}
	if p.trust, err = endpoint.NewTrust(c, warn, lists); err != nil {
		return nil, err
	}
	if p.session, err = p.trust.P2P(c); err != nil {
		return nil, err
	}
	p.wrapper, err = endpoint.P2PWrapper(c)
	return p, err
}

func newStaticProfile(c *config.Config) (p *profile, keys *seal.Static, err error) {
	p = &profile{cfg: c}
	p.session, keys, err = endpoint.Static(c)
	return p, keys, err
}

// with is the settings for a session with a host at an address. showTLS is as
// in Host.
func (p *profile) with(ctx context.Context, remote netip.AddrPort, tcp bool, showTLS endpoint.ShowTLS) session.Config {
	cfg := p.session
	if showTLS != nil {
		cfg.TLS = showTLS(ctx, cfg.TLS, remote)
	}
	if p.wrapper != nil {
		cfg.Wrapper = p.wrapper()
	}
	if tcp {
		return endpoint.OverTCP(cfg, p.cfg.AwaitsTCP())
	}
	cfg.Fragment = endpoint.Fragment(p.cfg, remote.Addr().Is6())
	return cfg
}
