package client

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/session/wrap"
	"culvert/tunnel"
)

// newTestAttempt is an attempt at an address, of which nothing was heard yet.
func newTestAttempt(c *Client, tcp bool) *attempt {
	now := time.Now()
	s := session.NewClient(session.Config{Wrapper: wrap.None{}, TLSTimeout: time.Second, HandWindow: time.Minute}, now)
	return &attempt{Client: c, started: now, peer: &tunnel.Peer{Session: s, Data: s.Data()}, settings: &profile.Settings{Config: c.cfg},
		target: reach.Target{Remote: config.Remote{Host: "vpn.example", Port: "443", Proto: config.Proto{TCP: tcp}}, Addr: netip.MustParseAddrPort("192.0.2.1:443")}}
}

// TestLinkEnds: who ends a connection without a word may be no OpenVPN; who has
// spoken is one.
func TestLinkEnds(t *testing.T) {
	closed := errors.New("closed")
	a := newTestAttempt(&Client{cfg: &config.Config{}}, true)
	if err := a.linkEnded(closed); !errors.Is(err, closed) || !strings.Contains(err.Error(), "openssl s_client -connect vpn.example:443") {
		t.Error(err)
	}
	a.started = a.started.Add(-time.Second)
	if err := a.linkEnded(closed); !errors.Is(err, closed) || !strings.Contains(err.Error(), "certificate it refuses") || strings.Contains(err.Error(), "HTTPS") {
		t.Error(err)
	}
}
