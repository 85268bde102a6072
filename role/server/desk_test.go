package server

import (
	"sync/atomic"
	"testing"
	"time"

	"culvert/config"
	"culvert/session"
	"culvert/session/negotiate"
)

// deskOf is a desk where these rules hold.
func deskOf(r rules) *desk {
	d := &desk{rules: new(atomic.Pointer[rules])}
	d.rules.Store(&r)
	return d
}

// TestForceKeyExport: clients whose keys would be made in the old way are refused where
// the configuration says so, and told why.
func TestForceKeyExport(t *testing.T) {
	for _, proto := range []string{"", "6", "14"} { // the bit of the exporter is 8
		for _, force := range []bool{false, true} {
			d := deskOf(rules{cfg: &config.Config{Trust: config.Trust{ForceKeyExport: force}}, session: session.Config{Ciphers: []string{"AES-256-GCM"}}})
			h := &session.Hello{PeerInfo: negotiate.PeerInfo{"IV_CIPHERS": "AES-256-GCM", "IV_PROTO": proto}}
			_, refusal := d.cipher(h, new(config.PerClient))
			if refused := refusal != nil; refused != (force && proto != "14") || refused && refusal.Reason != exportNeeded {
				t.Errorf("IV_PROTO=%s, forced %v: %v", proto, force, refusal)
			}
		}
	}
}

// TestCipherOfOneClient: its own settings say what is negotiated with it, and what it is
// talked to with if it does not negotiate.
func TestCipherOfOneClient(t *testing.T) {
	d := deskOf(rules{cfg: new(config.Config), session: session.Config{Ciphers: []string{"AES-256-GCM", "AES-128-GCM"}, Fallback: "AES-256-CBC"}})
	modern := negotiate.PeerInfo{"IV_CIPHERS": "AES-256-GCM:AES-128-GCM", "IV_PROTO": "14"}
	for want, c := range map[string]struct {
		told negotiate.PeerInfo
		own  config.PerClient
	}{
		"AES-256-GCM": {modern, config.PerClient{}},
		"AES-128-GCM": {modern, config.PerClient{Ciphers: []string{"AES-128-GCM"}}},
		"":            {modern, config.PerClient{Ciphers: []string{"CHACHA20-POLY1305"}}},
		"AES-256-CBC": {nil, config.PerClient{}},
		"AES-128-CBC": {nil, config.PerClient{Fallback: "AES-128-CBC"}},
	} {
		got, refusal := d.cipher(&session.Hello{PeerInfo: c.told, Options: ""}, &c.own)
		if got != want || (refusal != nil) != (want == "") {
			t.Errorf("%q, %v; want %q", got, refusal, want)
		}
	}
}

// TestTimersOfOneClient: its own settings replace the server's.
func TestTimersOfOneClient(t *testing.T) {
	d := deskOf(rules{session: session.Config{Timers: session.Timers{Ping: 10 * time.Second, Limit: time.Hour}}})
	c := &client{own: new(config.PerClient)}
	if got := d.timers(c); got != d.rules.Load().session.Timers {
		t.Errorf("%+v", got)
	}
	minute := time.Minute
	c.own.Timers, c.own.SessionTimeout = &config.Timers{Ping: 7 * time.Second, Inactive: 9 * time.Second}, &minute
	if got := d.timers(c); got.Ping != 7*time.Second || got.Inactive != 9*time.Second || got.Limit != time.Minute {
		t.Errorf("%+v", got)
	}
}
