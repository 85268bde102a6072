package profile

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"

	"culvert/access/crl"
	"culvert/access/hooks"
	"culvert/config"
	"culvert/session"
	"culvert/session/seal"
	"culvert/session/wrap"
)

// Settings has what a client or a paired host needs for every session with its other
// end, made from one configuration.
type Settings struct {
	Config  *config.Config // the file's, or with a <connection> block applied
	Session session.Config
	Wrapper func() wrap.Wrapper // makes the armour for one session; nil with a static key
	Trust   *Trust              // nil with a static key
	// ShowTLS makes the TLS settings for one address (tls-verify); nil: they are
	// the same for all.
	ShowTLS ShowTLS
	// Keys signs where the key is not in this process; nil: nobody does.
	Keys KeyStore
}

// ClientSettings returns the settings of a client. warn and lists are as for NewTrust.
func ClientSettings(c *config.Config, warn func(string), lists crl.Source) (s *Settings, err error) {
	if c.Management.ExternalKey != nil && c.Trust.Cert == nil {
		return nil, fmt.Errorf("%v: management-external-key: there is no certificate for this key, and nobody to ask for it", c.At("management-external-key"))
	}
	s = &Settings{Config: c}
	if s.Trust, err = NewTrust(c, warn, lists); err != nil {
		return nil, err
	}
	if s.Wrapper, err = ClientWrapper(c); err != nil {
		return nil, err
	}
	if s.Session, err = s.Trust.Session(c, false); err != nil {
		return nil, err
	}
	s.Session.PeerInfo["IV_SSO"] = loginSteps
	return s, nil
}

// FirstPacketSettings returns the settings of a client that sends its first packet and goes
// no further, which takes neither certificate nor key.
func FirstPacketSettings(c *config.Config) (s *Settings, err error) {
	s = &Settings{Config: c, Session: session.Config{TLS: &tls.Config{MinVersion: tls.VersionTLS12}, HandWindow: c.Timers.HandWindow, TLSTimeout: c.Timers.TLSTimeout}}
	s.Wrapper, err = ClientWrapper(c)
	return s, err
}

// loginSteps are the further steps of a login that a server may ask for
// (IV_SSO): opening a page, and answering a question.
const loginSteps = "webauth,openurl,crtext"

// P2PSettings returns the settings of a host that is paired by TLS. warn and lists are
// as for NewTrust.
func P2PSettings(c *config.Config, warn func(string), lists crl.Source) (s *Settings, err error) {
	s = &Settings{Config: c}
	if s.Trust, err = NewTrust(c, warn, lists); err != nil {
		return nil, err
	}
	if s.Session, err = s.Trust.P2P(c); err != nil {
		return nil, err
	}
	s.Wrapper, err = P2PWrapper(c)
	return s, err
}

// StaticSettings returns the settings of a host that is paired by a static key, and
// the keys.
func StaticSettings(c *config.Config) (s *Settings, keys *seal.Static, err error) {
	s = &Settings{Config: c}
	s.Session, keys, err = Static(c)
	return s, keys, err
}

// For returns the configuration of a session with the peer at an outer address, which
// is not valid if not known. ctx ends the programs that are run for the session, and the
// wait for signatures.
func (s *Settings) For(ctx context.Context, remote netip.AddrPort, tcp bool) session.Config {
	cfg := s.Session
	if s.ShowTLS != nil {
		cfg.TLS = s.ShowTLS(ctx, cfg.TLS, remote, func() *hooks.Env { return Environment(s.Config) })
	}
	if cfg.TLS != nil {
		cfg.TLS = bound(ctx, cfg.TLS, s.Keys)
	}
	if s.Wrapper != nil {
		cfg.Wrapper = s.Wrapper()
	}
	if tcp {
		return OverTCP(cfg, s.Config.AwaitsTCP())
	}
	cfg.Fragment = Fragment(s.Config.Data, remote.Addr().Is6())
	return cfg
}

// Choice is the settings of a file and of its <connection> blocks.
type Choice struct {
	Main   *Settings
	blocks map[*config.Config]*Settings
}

// Choose makes the settings of a file and of its blocks. warn gets the remarks about
// the file; a block can add nothing to them. log gets what tls-verify prints.
func Choose(c *config.Config, log *slog.Logger, warn func(string), make func(c *config.Config, warn func(string)) (*Settings, error)) (Choice, error) {
	main, err := make(c, warn)
	if err != nil {
		return Choice{}, err
	}
	if main.Trust != nil {
		if main.ShowTLS, err = TLSVerify(c, hooks.Options{Log: log, Slots: hooks.NewSlots(ProgramsAtOnce()), Dir: c.Process.Cd, Forbidden: c.Process.Forbidden()}); err != nil {
			return Choice{}, err
		}
	}
	choice := Choice{Main: main, blocks: map[*config.Config]*Settings{}}
	for _, r := range c.Link.Remotes {
		if r.Settings == nil {
			continue
		}
		block, err := make(r.Settings, func(string) {})
		if err != nil {
			return Choice{}, err
		}
		block.ShowTLS = main.ShowTLS
		choice.blocks[r.Settings] = block
	}
	return choice, nil
}

// Of returns the settings to use for a remote.
func (c Choice) Of(r config.Remote) *Settings {
	if s := c.blocks[r.Settings]; s != nil {
		return s
	}
	return c.Main
}
