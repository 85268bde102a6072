package profile

import (
	"culvert/config"
	"culvert/session"
	"culvert/session/negotiate"
	"culvert/session/wrap"
)

// P2P returns the settings of c, the configuration that this trust was made from, for
// every session of two paired hosts, all except the Wrapper.
func (trust *Trust) P2P(c *config.Config) (session.Config, error) {
	s, err := trust.Session(c, c.TLSServer)
	if err != nil {
		return s, err
	}
	s.P2P = true
	s.PeerInfo = negotiate.LocalPeerInfo(version, platform(), c.Data.Ciphers, c.Adapter.MaxMTU, variables(c)).ForP2P()
	return s, nil
}

// P2PWrapper returns a function that makes the control channel armour of either host,
// a new one for every session; nil for a TLS server with tls-crypt-v2, whose peer
// brings the key.
func P2PWrapper(c *config.Config) (func() wrap.Wrapper, error) {
	if c.TLSServer && c.Trust.TLSCryptV2 != nil {
		return nil, nil
	}
	if !c.TLSServer || c.Trust.TLSCrypt == nil {
		return ClientWrapper(c)
	}
	a, err := Armour(c)
	return func() wrap.Wrapper { return wrap.NewTLSCrypt(a.TLSCrypt, true) }, err
}
