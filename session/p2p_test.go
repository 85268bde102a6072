package session

import (
	"strings"
	"testing"
	"time"

	"culvert/session/negotiate"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// p2pPair is a pair without server mode; greeted makes the TLS server wait for
// the client behind a Greeter, where it begins by itself otherwise.
func p2pPair(t *testing.T, greeted bool, p path, tune func(client, server *Config)) *pair {
	return newPair(t, p, func(client, server *Config, _ *wrap.Armour) {
		client.P2P, server.P2P = true, true
		client.PeerInfo, server.PeerInfo = client.PeerInfo.ForP2P(), server.PeerInfo.ForP2P()
		server.PeerInfo["IV_CIPHERS"] = strings.Join(server.Ciphers, ":")
		if tune != nil {
			tune(client, server)
		}
	}).asP2P(greeted)
}

func (p *pair) asP2P(greeted bool) *pair {
	p.client.Close()
	p.client.Session = NewP2P(*p.client.cfg, p.now)
	if !greeted {
		p.serverConfig.Server = true
		p.server.Session = NewP2P(p.serverConfig, p.now)
	}
	return p
}

func TestP2P(t *testing.T) {
	for name, greeted := range map[string]bool{"both begin": false, "server waits": true} {
		for _, bad := range []path{{delay: 10 * time.Millisecond}, {delay: 20 * time.Millisecond, jitter: 30 * time.Millisecond, loss: 0.2, duplicate: 0.1}} {
			p := p2pPair(t, greeted, bad, nil)
			p.run(time.Minute, p.established)
			c, s := find[Established](p.client.events), find[Established](p.server.events)
			if c.Params != s.Params {
				t.Errorf("%s: client agreed on %+v, server on %+v", name, c.Params, s.Params)
			}
			// The client's peer-info has ChaCha20 first, the server's order rules.
			if c.Params.Cipher != "AES-256-GCM" || !c.Params.TLSEKM || !c.Params.DataV2 || !c.Params.CCExit {
				t.Errorf("%s: %+v", name, c.Params)
			}
			if c.Params.PeerID == wire.PeerIDUnset || c.Params.PeerID == 0x76706e {
				t.Errorf("%s: peer-id %#x was not derived", name, c.Params.PeerID)
			}
			p.exchange(p.client, p.server)
			p.exchange(p.server, p.client)
		}
	}
}

func TestP2PRenegotiatesFromBothSides(t *testing.T) {
	p := p2pPair(t, false, path{delay: 5 * time.Millisecond}, func(client, server *Config) {
		client.RenegAfter, server.RenegAfter = 10*time.Minute, 7*time.Minute
	})
	p.run(time.Minute, p.established)
	p.run(time.Hour, func() bool { return count[Rekeyed](p.client.events) >= 3 && count[Rekeyed](p.server.events) >= 3 })
	p.exchange(p.client, p.server)
	p.exchange(p.server, p.client)
}

func TestP2PWithoutNegotiation(t *testing.T) {
	p := p2pPair(t, false, path{}, func(client, server *Config) {
		client.PeerInfo, client.Options = nil, negotiate.OptionsString(false, "tun", 1500, "UDPv4", "AES-256-GCM")
		client.Ciphers = []string{"AES-256-GCM"}
		server.PeerInfo, server.Options = nil, negotiate.OptionsString(true, "tun", 1500, "UDPv4", "AES-256-GCM")
	})
	p.run(time.Minute, p.established)
	got := find[Established](p.client.events).Params
	if want := (negotiate.Params{Cipher: "AES-256-GCM", PeerID: 0x76706e}); got != want {
		t.Errorf("agreed on %+v, expected %+v", got, want)
	}
	p.exchange(p.client, p.server)
	p.exchange(p.server, p.client)
}

func TestP2PWithoutCommonCipher(t *testing.T) {
	p := p2pPair(t, false, path{}, func(client, server *Config) {
		client.PeerInfo["IV_CIPHERS"], server.Ciphers = "AES-128-GCM", []string{"AES-256-GCM"}
	})
	p.run(time.Minute, func() bool { return p.server.Err() != nil })
}

func TestPushUpdate(t *testing.T) {
	p := newPair(t, path{}, nil)
	p.run(time.Minute, p.established)
	long := make([]string, 100)
	for i := range long {
		long[i] = "route 10.0.0.0 255.255.255.0"
	}
	if err := p.server.PushUpdate(long); err != nil {
		t.Fatal(err)
	}
	p.run(time.Minute, func() bool { return count[PushUpdated](p.client.events) == 1 })
	if got := find[PushUpdated](p.client.events).Options; len(got) != len(long) {
		t.Errorf("%d options arrived, expected %d", len(got), len(long))
	}
	if err := p.server.PushUpdate([]string{"a,b"}); err == nil {
		t.Error("an option with a comma was sent")
	}
}
