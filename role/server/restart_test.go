package server_test

import (
	"strings"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/role/server"
)

// TestRestartServer: after SIGUSR1 a client comes back at once, with its
// address, on the same socket and adapter.
func TestRestartServer(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("explicit-exit-notify 1")
		c := w.connect("anna", "")
		before := c.inner()
		s.Restart()
		c.up(5 * time.Second)
		exchange(t, s, c)
		if c.inner() != before {
			t.Errorf("address %v, before %v", c.inner(), before)
		}
		if got := s.Server.Clients(); len(got) != 1 || got[0].ID != 1 {
			t.Errorf("clients: %+v", got)
		}
	})
}

// TestNobodyEntersWhileLeaving: a client that confirms nothing keeps a server that
// restarts busy for a while. Whoever comes meanwhile is let in afterwards.
func TestNobodyEntersWhileLeaving(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("explicit-exit-notify 1")
		silent := w.connect("anna", "")
		silent.link.Close()
		s.Restart()
		w.until(time.Second, "restarting", func() bool { return len(happened[server.Restarting](s)) > 0 })
		c := w.dial("ben", "")
		c.up(10 * time.Second)
		if took := time.Since(epoch); took < 2*time.Second {
			t.Errorf("let in after %v, while others were sent away", took)
		}
		exchange(t, s, c)
	})
}

// TestRestartClient: SIGUSR1 makes a client connect anew with the adapter it
// has.
func TestRestartClient(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		c := w.connect("anna", "")
		exchange(t, s, c)
		before := c.Statistics()
		c.Restart()
		c.up(5 * time.Second)
		if len(c.states) != 1 {
			t.Errorf("the adapter was opened %d times", len(c.states))
		}
		if now := c.Statistics(); now != before || now.AdapterRead == 0 || now.LinkRead <= now.AdapterWritten {
			t.Errorf("statistics %+v, before %+v", now, before)
		}
		exchange(t, s, c)
	})
}

// TestClients: what the server tells of a client.
func TestClients(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		if got := s.Server.Clients(); len(got) != 0 {
			t.Errorf("clients before any came: %+v", got)
		}
		c := w.connect("anna", "")
		exchange(t, s, c)
		list := s.Server.Clients()
		if len(list) != 1 {
			t.Fatalf("clients: %+v", list)
		}
		got := list[0]
		if got.Name != "anna" || got.IPv4 != c.inner() || !got.IPv6.IsValid() || got.Cipher != "AES-256-GCM" ||
			got.Remote.Addr().String() == "" || got.BytesIn == 0 || got.BytesOut == 0 || time.Since(got.Since) > time.Minute {
			t.Errorf("%+v", got)
		}
	})
}

// TestConnectingClientIsListed, and what is known of it, before it is in and then.
func TestConnectingClientIsListed(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 100 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		c := w.dial("anna", "")
		w.until(2*time.Second, "listed", func() bool { return len(s.Everybody()) == 1 })
		got := s.Everybody()[0]
		if !got.Connecting || got.Name != "UNDEF" || got.Serial != "" || len(s.Server.Clients()) != 0 {
			t.Errorf("%+v", got)
		}
		if text := string(s.Status(2)); !strings.Contains(text, "CLIENT_LIST,UNDEF,"+got.Remote.String()+",") {
			t.Error(text)
		}
		c.up(5 * time.Second)
		time.Sleep(time.Second)
		heard := time.Now()
		exchange(t, s, c)
		list := s.Everybody()
		if len(list) != 1 || list[0].Connecting || list[0].Name != "anna" || len(list[0].Serial) < 20 || list[0].LastHeard.Before(heard) {
			t.Errorf("%+v", list)
		}
		if p := c.Server(); p.Data.CipherName() != "AES-256-GCM" || p.Data.LastReceived().Before(heard) {
			t.Errorf("the client's: cipher %q, heard %v", p.Data.CipherName(), p.Data.LastReceived())
		}
	})
}
