//go:build unix

package server

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/nic/frame"
	"culvert/role/server/admission"
	"culvert/role/server/segment"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// TestStations: learn-address admits stations behind clients, which may move, and one
// that it refuses stays out; of each that was admitted it learns that it is forgotten.
func TestStations(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ntest \"${2%%:*}\" != ee\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := admission.New(&config.Config{Process: config.Process{ScriptSecurity: 2}, Server: config.Server{LearnAddress: []string{path}}}, admission.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.End(); a.Wait() })
	said := make(chan string, 10)
	s := newStations(3, func(_ *client, l Learned) {
		word := l.Change.String()
		if l.Refused != nil {
			word = "refused"
		}
		said <- word + " " + l.Address
	})
	ports := make([]*segment.Port, 2)
	for i := range ports {
		c := &client{number: uint64(i)}
		c.Peer = tunnel.NewPeer(session.Accept(session.Config{}, &session.Opening{Client: wire.SessionID{byte(i)}}, time.Now()), nil, buf.Path{Remote: netip.MustParseAddrPort("198.51.100.7:1194")}, func(*tunnel.Peer, time.Time, session.Event) {})
		c.Owner, c.visit = c, a.Begin(caller{c: c}, c.number)
		ports[i] = &segment.Port{Peer: c.Peer}
		s.join(c)
	}
	one, two := ports[0].Peer.Owner.(*client), ports[1].Peer.Owner.(*client)
	now := time.Now()
	ask := func(port int, first byte, want string) {
		t.Helper()
		if s.admit(now, 0, frame.MAC{first, 1}, ports[port], false) {
			t.Errorf("admitted %x before anybody was asked", first)
		}
		if got := <-said; !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	ask(0, 2, "add 02:01")
	ask(0, 4, "add 04:01")
	ask(0, 0xee, "refused ee:01")
	if s.admit(now, 0, frame.MAC{0xee, 1}, ports[0], false) || s.admit(now, 0, frame.MAC{8, 1}, ports[0], false) || !s.admit(now, 0, frame.MAC{2, 1}, ports[0], false) {
		t.Error("one that was refused, or one too many, is in, or one that was admitted is not")
	}
	ask(1, 4, "update 04:01")
	s.sweep(now.Add(time.Minute), 2*time.Minute, func(*client, *question) bool { return false })
	s.sweep(now.Add(time.Hour), time.Minute, func(_ *client, q *question) bool { return q.mac[0] != 4 })
	if got := <-said; !strings.HasPrefix(got, "delete 04:01") || len(said) > 0 {
		t.Errorf("of those that were silent for long, it is told %q", got)
	}
	ask(1, 4, "add 04:01")
	if got := s.leave(one); !slices.Equal(got, []string{"02:01:00:00:00:00@0"}) {
		t.Errorf("with the first client %q are forgotten", got)
	}
	if got := s.leave(two); !slices.Equal(got, []string{"04:01:00:00:00:00@0"}) {
		t.Errorf("with the second client %q are forgotten", got)
	}
	if s.admit(now, 0, frame.MAC{2, 1}, ports[0], false) || len(said) > 0 || len(s.owner) > 0 {
		t.Error("somebody who is gone is asked about")
	}
}
