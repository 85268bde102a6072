package hub

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/nic/bridge"
	"culvert/nic/frame"
)

// posing sends two frames a second from a station's address, for a time.
func (s *station) posing(as frame.MAC, to frame.MAC, for_ time.Duration) {
	s.t.Helper()
	for end := time.Now().Add(for_); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		s.raw(frame.Header{Dst: to, Src: as, Type: frame.TypeIPv4}, "mine")
		synctest.Wait()
	}
}

// forget drops what stations got so far.
func (w *world) forget() {
	synctest.Wait()
	for _, s := range w.all {
		s.mu.Lock()
		s.got = nil
		s.mu.Unlock()
	}
}

// TestSilentStation: two frames a second take the address of a silent station of
// the LAN, and the station's next frame, of any kind, gets it back.
func TestSilentStation(t *testing.T) {
	for name, to := range map[string]frame.MAC{"ARP": frame.Broadcast, "an answer": mac(2)} {
		inWorld(t, func(w *world) {
			out, a, b := w.uplink(9), w.adapter("a", 1, PortOptions{}), w.adapter("b", 2, PortOptions{})
			out.send(b.mac, "here")
			synctest.Wait()
			time.Sleep(10 * time.Second)
			a.posing(out.mac, b.mac, time.Minute)
			w.forget()
			out.send(to, "still here")
			synctest.Wait()
			a.raw(frame.Header{Dst: b.mac, Src: out.mac, Type: frame.TypeIPv4}, "mine")
			b.send(out.mac, "yours")
			synctest.Wait()
			if want := []string{"still here"}; !slices.Equal(b.got, want) {
				t.Errorf("%s: b got %q, expected %q", name, b.got, want)
			}
			if want := []string{"yours"}; !slices.Equal(out.got, want) {
				t.Errorf("%s: the station got %q, expected %q", name, out.got, want)
			}
			out.dropped(nil)
		})
	}
}

// TestUplinkWins: the uplink wins even if the adapter was the first to show an
// address, by an answer that the hub cannot have sent to the LAN itself. What the
// LAN merely sends back leaves the address with the adapter.
func TestUplinkWins(t *testing.T) {
	inWorld(t, func(w *world) {
		out, a, b := w.uplink(9), w.adapter("a", 1, PortOptions{}), w.adapter("b", 2, PortOptions{})
		a.posing(out.mac, b.mac, time.Minute)
		w.forget()
		out.send(frame.Broadcast, "sent back?")
		w.arrived()
		out.dropped(map[Drop]uint64{InUse: 1})
		out.send(b.mac, "an answer")
		w.arrived("b: an answer")
		b.send(out.mac, "yours")
		w.arrived("uplink: yours")
		a.raw(frame.Header{Dst: b.mac, Src: out.mac, Type: frame.TypeIPv4}, "mine")
		w.arrived()
	})
}

// TestContestIsLogged once for all that go on at a time.
func TestContestIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		w := &world{t: t, hub: Start(Options{Log: slog.New(slog.NewTextHandler(&lines, nil))})}
		defer w.hub.Close()
		out, a := w.uplink(9), w.adapter("a", 1, PortOptions{})
		for range 100 {
			out.send(a.mac, "here")
			synctest.Wait()
			time.Sleep(bridge.DefaultHold)
			a.raw(frame.Header{Dst: out.mac, Src: out.mac, Type: frame.TypeIPv4}, "mine")
			synctest.Wait()
		}
		text := lines.String()
		if n := strings.Count(text, "has it back"); n < 10 || n > 21 {
			t.Errorf("%d lines in 200 s", n)
		}
		if !strings.Contains(text, "address="+out.mac.String()) || !strings.Contains(text, "port=uplink") || !strings.Contains(text, `"taken by"=a`) {
			t.Errorf("%.500s", text)
		}
	})
}

func TestOwnMACOnly(t *testing.T) {
	inWorld(t, func(w *world) {
		out, a := w.uplink(9), w.adapter("a", 1, PortOptions{OwnMAC: true})
		a.posing(out.mac, out.mac, time.Minute)
		w.arrived()
		a.dropped(map[Drop]uint64{NotOwn: 120})
		a.send(out.mac, "myself")
		w.arrived("uplink: myself")
	})
}
