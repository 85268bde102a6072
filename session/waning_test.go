package session

import (
	"errors"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/session/seal"
	"culvert/session/wrap"
)

// TestKeysWane: whoever still seals with the keys of two renewals ago is
// understood until their transition window ends.
func TestKeysWane(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(client, server *Config, _ *wrap.Armour) {
		server.RenegAfter, client.TranWindow, server.TranWindow = 20*time.Second, time.Hour, 100*time.Second
	})
	p.run(time.Second, p.established)
	p.pass(90 * time.Second)
	if now := p.server.keys.active.id; now != 4 {
		t.Fatalf("key %d is in use", now)
	}
	p.client.data.ring.SendWith(0)
	p.exchange(p.client, p.server)
	p.exchange(p.server, p.client)
	p.pass(31 * time.Second) // 121 s, where key 1 took the place of key 0 after 20
	p.client.data.ring.SendWith(0)
	packet := buf.New(1500)
	packet.Set([]byte("an IP packet"))
	if err := p.client.data.Seal(p.now, packet); err != nil {
		t.Fatal(err)
	}
	if _, err := p.server.data.Open(p.now, packet); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("old keys are kept for ever: %v", err)
	}
	p.client.data.ring.SendWith(p.client.keys.active.id)
	p.pass(200 * time.Second) // key ids are given again, from 1
	for range 3 {
		p.exchange(p.client, p.server)
		p.exchange(p.server, p.client)
		p.pass(30 * time.Second)
	}
	if n := len(p.server.keys.waning); n == 0 || n > 6 {
		t.Errorf("%d keys wane", n)
	}
}
