// Package profile makes from a configuration what the roles need for their
// sessions: control channel keys, TLS with certificates, ciphers and timers.
package profile

import (
	"fmt"
	"runtime"

	"culvert/config"
	"culvert/internal/digest"
	"culvert/session"
	"culvert/session/negotiate"
	"culvert/session/wrap"
)

// version is how this program names itself to its peers. It is a variable so that a test of
// servers can have the linker make a client that says something else.
var version = "culvert_1"

// Session returns the settings of c for every session, all except the Wrapper. warn is
// as for TLS.
func Session(c *config.Config, server bool, warn func(string)) (session.Config, error) {
	trust, err := NewTrust(c, warn, nil)
	if err != nil {
		return session.Config{}, err
	}
	return trust.Session(c, server)
}

// Session returns the settings of c, the configuration that this trust was made from.
func (trust *Trust) Session(c *config.Config, server bool) (session.Config, error) {
	tls, err := trust.TLS(c, server)
	if err != nil {
		return session.Config{}, err
	}
	s := session.Config{
		Server: server, TLS: tls,
		Ciphers: c.Data.Ciphers, Fallback: c.Data.Fallback,
		Options: negotiate.OptionsString(server, Kind(c.Adapter).String(), c.Adapter.MTU+optionsExtra(c.Adapter), "UDPv4", c.Data.Fallback, optionFields(c.Data)...),

		HandWindow: c.Timers.HandWindow, TranWindow: c.Timers.TranWindow, TLSTimeout: c.Timers.TLSTimeout,
		RenegAfter: c.Timers.RenegSec, RenegLeast: c.Timers.RenegSecMin, RenegBytes: c.Timers.RenegBytes, RenegPackets: c.Timers.RenegPackets,
		Timers:       Timers(c.Timers),
		ReplayWindow: c.Data.ReplayWindow, ReplayTime: c.Data.ReplayTime,
		MaxPacket:   min(c.Timers.MaxPacketSize, session.DefaultMaxPacket),
		ForgetLogin: c.Login.NoCache,
	}
	if err := dataChannel(c, &s); err != nil {
		return s, err
	}
	if !server {
		s.FilterPushed = func(options []string) ([]string, error) {
			kept, _, err := c.FilterPushed(options)
			return kept, err
		}
		s.PeerInfo = negotiate.LocalPeerInfo(version, platform(), c.Data.Ciphers, c.Adapter.MaxMTU, variables(c))
	}
	return s, nil
}

// Timers returns how a session watches its peer. On a client they change with what
// the server pushes.
func Timers(c config.Timers) session.Timers {
	return session.Timers{
		Ping: c.Ping, PingRestart: c.PingRestart, PingExit: c.PingExit,
		Inactive: c.Inactive, InactiveBytes: c.InactiveBytes, Limit: c.SessionTimeout,
	}
}

// platform returns the value of IV_PLAT for this system (OpenVPN's management-notes
// and man page, push-peer-info).
func platform() string {
	switch runtime.GOOS {
	case "darwin":
		return "mac"
	case "windows":
		return "win"
	}
	return runtime.GOOS
}

// direction returns `key-direction`, or the second argument of tls-auth.
func direction(c config.Trust) wrap.Direction {
	switch {
	case c.KeyDirection == nil:
		return wrap.Bidirectional
	case *c.KeyDirection == 1:
		return wrap.Inverse
	}
	return wrap.Normal
}

// Armour returns the control channel keys of a server.
func Armour(c *config.Config) (a wrap.Armour, err error) {
	if c.Trust.TLSAuth != nil {
		if a.TLSAuth, err = tlsAuth(c); err != nil {
			return a, err
		}
	}
	if c.Trust.TLSCrypt != nil {
		if a.TLSCrypt, err = wrap.ParseStaticKey(c.Trust.TLSCrypt.Text); err != nil {
			return a, fileError("tls-crypt", c.Trust.TLSCrypt, err)
		}
	}
	if c.Trust.TLSCryptV2 != nil {
		if a.V2, err = wrap.ParseServerKeyV2(c.Trust.TLSCryptV2.Text); err != nil {
			return a, fileError("tls-crypt-v2", c.Trust.TLSCryptV2, err)
		}
		a.ForceCookie = c.Trust.TLSCryptV2ForceCookie
	}
	return a, nil
}

func tlsAuth(c *config.Config) (*wrap.TLSAuthKey, error) {
	key, err := wrap.ParseStaticKey(c.Trust.TLSAuth.Text)
	if err != nil {
		return nil, fileError("tls-auth", c.Trust.TLSAuth, err)
	}
	hash, err := digest.Lookup(c.Data.Auth)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return &wrap.TLSAuthKey{Key: key, Direction: direction(c.Trust), Digest: hash}, nil
}

// ClientWrapper returns a function that makes the control channel armour of a client,
// a new one for every session.
func ClientWrapper(c *config.Config) (func() wrap.Wrapper, error) {
	switch {
	case c.Trust.TLSCryptV2 != nil:
		key, err := wrap.ParseClientKeyV2(c.Trust.TLSCryptV2.Text)
		if err != nil {
			return nil, fileError("tls-crypt-v2", c.Trust.TLSCryptV2, err)
		}
		return func() wrap.Wrapper { return wrap.NewTLSCryptV2Client(key) }, nil
	case c.Trust.TLSCrypt != nil:
		key, err := wrap.ParseStaticKey(c.Trust.TLSCrypt.Text)
		if err != nil {
			return nil, fileError("tls-crypt", c.Trust.TLSCrypt, err)
		}
		return func() wrap.Wrapper { return wrap.NewTLSCrypt(key, false) }, nil
	case c.Trust.TLSAuth != nil:
		a, err := tlsAuth(c)
		if err != nil {
			return nil, err
		}
		return func() wrap.Wrapper { return wrap.NewTLSAuth(a.Key, a.Direction, a.Digest) }, nil
	}
	return func() wrap.Wrapper { return wrap.None{} }, nil
}

// fileError names the place where a bad file or block was given.
func fileError(directive string, f *config.File, err error) error {
	what := f.Name
	if f.Inline {
		what = "the inline block"
	}
	return fmt.Errorf("%v: %s: %s: %w", f.Pos, directive, what, err)
}
