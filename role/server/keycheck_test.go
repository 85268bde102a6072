package server

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// verifying is a server whose tls-crypt-v2-verify notes that it began, and takes
// its time.
func verifying(t *testing.T) (s *Server, begun func() int) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "verify")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho >> "+dir+"/begun\nexec sleep 1000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{Trust: config.Trust{TLSCryptV2Verify: []string{program}}, Timers: config.Timers{HandWindow: time.Hour}, Process: config.Process{TmpDir: dir}}
	logins, err := newLogins(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logins.end)
	return &Server{cfg: cfg, logins: logins}, func() int {
		text, _ := os.ReadFile(dir + "/begun")
		return strings.Count(string(text), "\n")
	}
}

// at is a client of an address, whose session has nothing to say.
func (s *Server) at(a byte) *client {
	over := session.Accept(session.Config{}, &session.Opening{Client: wire.SessionID{a}, Server: wire.SessionID{a, 1}}, time.Now())
	over.Close()
	c := new(client)
	c.ctx, c.end = context.WithCancel(s.logins.ctx)
	path := buf.Path{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, a}), 1194)}
	c.Peer = tunnel.NewPeer(over, nil, path, func(*tunnel.Peer, time.Time, session.Event) {})
	return c
}

// eventually waits until n programs have begun.
func eventually(t *testing.T, begun func() int, n int) {
	t.Helper()
	for range 3000 {
		if begun() >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d programs began, want %d", begun(), n)
}

// TestKeyChecksTakeTurns: one address has a quarter of the programs, however
// many clients come from it, and others have theirs meanwhile.
func TestKeyChecksTakeTurns(t *testing.T) {
	s, begun := verifying(t)
	const flood, quarter = 100, 32
	done := make(chan error, flood+1)
	for range flood {
		go func() { done <- s.checkKey(s.at(1), nil, time.Now()) }()
	}
	eventually(t, begun, quarter)
	go func() { done <- s.checkKey(s.at(2), nil, time.Now()) }()
	eventually(t, begun, quarter+1)
	if n := begun(); n != quarter+1 {
		t.Errorf("%d programs began", n)
	}
	s.logins.end()
	for range flood + 1 {
		if err := <-done; err == nil {
			t.Error("a key was found good that nobody looked at")
		}
	}
}

// TestKeyCheckEndsWithItsSession, for which it is waited for on the goroutine
// that would end the session.
func TestKeyCheckEndsWithItsSession(t *testing.T) {
	s, begun := verifying(t)
	c := s.at(1)
	done := make(chan error, 1)
	c.Do(func(now time.Time) { done <- s.checkKey(c, nil, now) })
	eventually(t, begun, 1)
	c.evict()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(fmt.Sprint(err), "ended before it had decided") {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the program runs on, and the session with it")
	}
}
