package p2p

import (
	"context"
	"net/netip"

	"culvert/access/crl"
	"culvert/config"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/seal"
	"culvert/session/wrap"
)

// settings is what one configuration makes of every session: that of the file,
// or with a <connection> block applied.
type settings struct {
	cfg     *config.Config
	session session.Config
	wrapper func() wrap.Wrapper // nil with a static key
	trust   *profile.Trust      // the same
}

func newSettings(c *config.Config, warn func(string), lists crl.Source) (p *settings, err error) {
	p = &settings{cfg: c}
	if p.trust, err = profile.NewTrust(c, warn, lists); err != nil {
		return nil, err
	}
	if p.session, err = p.trust.P2P(c); err != nil {
		return nil, err
	}
	p.wrapper, err = profile.P2PWrapper(c)
	return p, err
}

func newStaticSettings(c *config.Config) (p *settings, keys *seal.Static, err error) {
	p = &settings{cfg: c}
	p.session, keys, err = profile.Static(c)
	return p, keys, err
}

// with is the settings for a session with a host at an address. showTLS is as
// in Host.
func (p *settings) with(ctx context.Context, remote netip.AddrPort, tcp bool, showTLS profile.ShowTLS) session.Config {
	cfg := p.session
	if showTLS != nil {
		cfg.TLS = showTLS(ctx, cfg.TLS, remote)
	}
	if p.wrapper != nil {
		cfg.Wrapper = p.wrapper()
	}
	if tcp {
		return profile.OverTCP(cfg, p.cfg.AwaitsTCP())
	}
	cfg.Fragment = profile.Fragment(p.cfg, remote.Addr().Is6())
	return cfg
}
