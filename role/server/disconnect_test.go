package server_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/role/server"
)

// TestDisconnect sends one client away, which comes back, and another for good; the
// third stays.
func TestDisconnect(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		a, b, c := w.connect("anna", ""), w.connect("bert", ""), w.connect("cleo", "")
		numbers := map[string]uint64{}
		for _, c := range s.Server.Clients() {
			numbers[c.Name] = c.ID
		}
		if err := s.Disconnect(numbers["anna"], ""); err != nil {
			t.Error(err)
		}
		if err := s.Disconnect(numbers["bert"], "HALT,not today"); err != nil {
			t.Error(err)
		}
		a.up(10 * time.Second)
		exchange(t, s, a)
		exchange(t, s, c)
		<-b.ended
		if b.err == nil && !logged(&b.process, "not today") {
			t.Errorf("it was not told: %v", b.err)
		}
		var sent []string
		for _, e := range happened[server.Disconnected](s) {
			sent = append(sent, e.Name+" "+e.Message)
		}
		slices.Sort(sent)
		if got := strings.Join(sent, "; "); got != "anna RESTART; bert HALT,not today" {
			t.Error(got)
		}
		for _, e := range happened[server.Ended](s) {
			if e.How != server.Dismissed || !e.WasUp {
				t.Errorf("%+v", e)
			}
			if after, ok := e.After.(server.Disconnected); !ok || after.Name != e.Name {
				t.Errorf("%s is gone after %+v", e.Name, e.After)
			}
		}
		if err := s.Disconnect(numbers["anna"], ""); !errors.Is(err, server.ErrNoClient) {
			t.Errorf("a number of a session that is over: %v", err)
		}
		if err := s.Disconnect(numbers["cleo"], "HALT\nPUSH_REPLY"); err == nil {
			t.Error("two lines were sent")
		}
	})
}

// TestLifeInEvents is a client's whole stay, as whoever reads the events sees it.
func TestLifeInEvents(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("reneg-sec 30")
		c := w.connect("anna", "explicit-exit-notify 1")
		exchange(t, s, c)
		time.Sleep(40 * time.Second)
		inner := c.inner()
		c.stop()
		time.Sleep(time.Second)
		var story []string
		s.events.mu.Lock()
		defer s.events.mu.Unlock()
		for _, e := range s.events.list {
			switch e := e.(type) {
			case server.Entering:
				story = append(story, "entering "+e.Name)
				if len(e.Serial) < 20 || e.CommonName != "anna" || e.Since.IsZero() || e.At.Before(e.Since) {
					t.Errorf("%+v", e)
				}
			case server.Up:
				story = append(story, "up")
				if e.IPv4 != inner || !e.IPv6.IsValid() || e.Cipher != "AES-256-GCM" || e.Agent == "" {
					t.Errorf("%+v", e)
				}
			case server.Renewed:
				story = append(story, "renewed")
			case server.Ended:
				story = append(story, "ended")
				if e.How != server.Left || !e.WasUp || e.IPv4 != inner || e.Traffic.PacketsIn == 0 || e.Traffic.BytesOut == 0 {
					t.Errorf("%+v", e)
				}
			}
		}
		if got := strings.Join(story, ", "); got != "entering anna, up, renewed, ended" {
			t.Error(got)
		}
	})
}
