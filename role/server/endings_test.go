package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/role/server"
)

// ends waits until a client ends by itself, without an error.
func (c *connected) ends(limit time.Duration, why string) {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(limit):
		c.t.Fatalf("client %s still runs after %v", c.name, limit)
	}
	if c.err != nil || !logged(&c.process, why) {
		c.t.Errorf("ended with %v, want none and a word of %q in the log", c.err, why)
	}
}

// TestInactive ends a client that nothing goes through, by its own line or a
// pushed one; the server hears of it.
func TestInactive(t *testing.T) {
	for name, c := range map[string]struct{ server, client string }{
		"own line": {"keepalive 5 60", "inactive 60\nexplicit-exit-notify 1"},
		"pushed":   {"keepalive 5 60\npush \"inactive 60\"", "explicit-exit-notify 1"},
		"in bytes": {"keepalive 5 60", "inactive 60 10000\nexplicit-exit-notify 1"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
				s := w.serve(c.server)
				a := w.connect("anna", c.client)
				time.Sleep(40 * time.Second)
				exchange(t, s, a)
				a.ends(3*time.Minute, "inactive")
				w.until(time.Second, "the server knows", func() bool { return s.Sessions() == 0 })
				if got := happened[server.Ended](s); len(got) != 1 || got[0].How != server.Left || got[0].Traffic.BytesIn == 0 || got[0].IPv4 != a.inner() {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// TestInactiveOnServer cuts off the one client that carries nothing.
func TestInactiveOnServer(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("keepalive 5 60\ninactive 60")
		a, b := w.connect("anna", ""), w.connect("bert", "")
		for range 4 {
			time.Sleep(25 * time.Second)
			exchange(t, s, a)
		}
		if got := happened[server.Idle](s); len(got) != 1 || got[0].Name != "bert" {
			t.Errorf("%+v", got)
		}
		b.up(2 * time.Minute) // it notices by itself and comes again
	})
}

// TestPingExit ends a client when its server is silent, from the start or
// later, by its own line or a pushed one.
func TestPingExit(t *testing.T) {
	const unrestarted = "pull-filter ignore ping-restart\n" // of keepalive
	for name, c := range map[string]struct{ server, client string }{
		"own line": {"", unrestarted + "ping-exit 20"},
		"pushed":   {"push \"ping-exit 20\"", unrestarted},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
				s := w.serve(c.server)
				a := w.connect("anna", c.client)
				time.Sleep(time.Minute)
				exchange(t, s, a)
				s.link.Close()
				a.ends(25*time.Second, "ping-exit")
			})
		})
	}
	t.Run("no server", func(t *testing.T) {
		inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
			w.dial("anna", "ping-exit 20").ends(25*time.Second, "ping-exit")
		})
	})
}

// TestTLSExit gives up at the first handshake that fails.
func TestTLSExit(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		c := w.dial("anna", "tls-exit\nhand-window 10")
		select {
		case <-c.ended:
		case <-time.After(11 * time.Second):
			t.Fatal("it tries again")
		}
		if c.err == nil || !strings.Contains(c.err.Error(), "nothing was received") && !strings.Contains(c.err.Error(), "tls-exit") {
			t.Errorf("ended with %v", c.err)
		}
	})
}

// TestNoPool leases IPv4 addresses of client-config-dir alone.
func TestNoPool(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/anna", []byte("ifconfig-push 10.8.0.77 255.255.255.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("server 10.8.0.0 255.255.255.0 nopool\nclient-config-dir " + dir)
		a := w.connect("anna", "")
		if a.inner().String() != "10.8.0.77" {
			t.Errorf("leased %v", a.inner())
		}
		exchange(t, s, a)
		b := w.connect("bert", "")
		if a := b.states[0].Addresses; len(a) != 1 || !a[0].Prefix.Addr().Is6() {
			t.Errorf("bert has %v", a)
		}
	})
}

// TestEndedBeforeRunReturns has every client's end reported by the time that Run
// returns: of one that is in, and of one whose place another took a moment before.
func TestEndedBeforeRunReturns(t *testing.T) {
	for name, more := range map[string]string{"silent": "", "with a word": "explicit-exit-notify 1"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
				s := w.serve(more)
				s.events.mu.Lock()
				s.events.late = 100 * time.Millisecond
				s.events.mu.Unlock()
				w.connect("anna", "")
				w.connect("bert", "")
				w.connect("bert", "") // takes its place, whose end is being reported still
				if err := s.stop(); err != nil {
					t.Error(err)
				}
				entered, ended := map[uint64]bool{}, map[uint64]bool{}
				for _, e := range happened[server.Entering](s) {
					entered[e.Number] = true
				}
				for _, e := range happened[server.Ended](s) {
					if !entered[e.Number] || ended[e.Number] {
						t.Errorf("ended twice, or never entered: %+v", e)
					}
					ended[e.Number] = true
				}
				if len(entered) != 3 || len(ended) != 3 {
					t.Errorf("%d entered, %d ended", len(entered), len(ended))
				}
			})
		})
	}
}

// TestSessionTimeout: a client exits when its session has lasted long enough, by its own
// line or a pushed one; a server sends its clients away, each by its own time, and they
// may come again.
func TestSessionTimeout(t *testing.T) {
	for name, c := range map[string]struct{ server, client string }{
		"own line": {"keepalive 5 60", "session-timeout 90\nexplicit-exit-notify 1"},
		"pushed":   {"keepalive 5 60\npush \"session-timeout 90\"", "explicit-exit-notify 1"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
				s := w.serve(c.server)
				a := w.connect("anna", c.client)
				time.Sleep(80 * time.Second)
				exchange(t, s, a)
				a.ends(20*time.Second, "session-timeout")
			})
		})
	}
	t.Run("server", func(t *testing.T) {
		ccd := t.TempDir()
		if err := os.WriteFile(filepath.Join(ccd, "bert"), []byte("session-timeout 0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
			s := w.serve("keepalive 5 60\nsession-timeout 90\nclient-config-dir " + ccd)
			a, b := w.connect("anna", ""), w.connect("bert", "")
			for range 4 {
				time.Sleep(25 * time.Second)
				exchange(t, s, b)
			}
			a.up(20 * time.Second)
			if got := happened[server.Expired](s); len(got) != 1 || got[0].Name != "anna" {
				t.Errorf("%+v", got)
			}
			if got := happened[server.Up](s); len(got) != 3 {
				t.Errorf("%d connections, want two of anna and one of bert", len(got))
			}
		})
	})
}
