package server_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/role/server"
	"culvert/session/wire"
)

const changed = "the server changed what it pushed"

// TestPushUpdate: what a server pushed is changed while clients are connected,
// those of a name, a peer-id or all; others hear nothing of it.
func TestPushUpdate(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve(`push "route 10.1.0.0 255.255.0.0"`)
		clients := map[string]*connected{}
		for _, name := range []string{"anna", "ben", "cleo"} {
			clients[name] = w.connect(name, "")
		}
		ids := map[string]wire.PeerID{}
		for _, c := range s.Clients() {
			ids[c.Name] = c.PeerID
		}
		heard := func(name string) int { return strings.Count(clients[name].log.String(), changed) }
		for _, c := range []struct {
			update server.Update
			want   server.Updated
		}{
			{server.Update{Names: []string{"anna"}, Options: []string{"-route", "route 10.2.0.0 255.255.0.0"}}, server.Updated{Told: []string{"anna"}}},
			{server.Update{PeerIDs: []wire.PeerID{ids["ben"], 99}, Options: []string{"-route"}}, server.Updated{Told: []string{"ben"}, Missing: []string{"peer-id 99"}}},
			{server.Update{Names: []string{"cleo", "zoe", "anna"}, PeerIDs: []wire.PeerID{ids["anna"]}, Options: []string{"?tun-mtu 1400"}},
				server.Updated{Told: []string{"anna", "cleo"}, Missing: []string{"zoe"}}},
			{server.Update{All: true, Options: []string{"route 10.3.0.0 255.255.0.0"}}, server.Updated{Told: []string{"anna", "ben", "cleo"}}},
		} {
			before := map[string]int{"anna": heard("anna"), "ben": heard("ben"), "cleo": heard("cleo")}
			got, err := s.PushUpdate(c.update)
			if err != nil || !slices.Equal(got.Told, c.want.Told) || len(got.Unable) > 0 || !slices.Equal(got.Missing, c.want.Missing) {
				t.Fatalf("%+v: %+v, %v", c.update, got, err)
			}
			time.Sleep(time.Second)
			for name := range clients {
				want := before[name]
				if strings.Contains(strings.Join(c.want.Told, " "), name) {
					want++
				}
				if heard(name) != want {
					t.Errorf("%+v: %s was told %d times, want %d", c.update, name, heard(name), want)
				}
			}
		}
		for _, c := range clients {
			exchange(t, s, c)
			if c.ups != 1 {
				t.Error("a client had to connect anew")
			}
		}
	})
}

// TestPushUpdateRefuses what it cannot carry, and tells nobody.
func TestPushUpdateRefuses(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		a := w.connect("anna", "")
		for _, c := range []struct {
			update server.Update
			want   string
		}{
			{server.Update{All: true}, "no option given"},
			{server.Update{Options: []string{"-route"}}, "no client given"},
			{server.Update{All: true, Names: []string{"anna"}, Options: []string{"-route"}}, "not both"},
			{server.Update{All: true, Options: []string{"ifconfig 10.8.0.9 255.255.255.0"}}, "client-config-dir"},
			{server.Update{All: true, Options: []string{"-?ifconfig-ipv6"}}, "client-config-dir"},
			{server.Update{All: true, Options: []string{"topology net30"}}, "is leased"},
			{server.Update{All: true, Options: []string{"-topology"}}, "is leased"},
			{server.Update{All: true, Options: slices.Repeat([]string{"route 10.1.0.0 255.255.0.0"}, 3000)}, "more than 65536 bytes"},
			{server.Update{All: true, Options: []string{"-route", "cipher AES-128-GCM"}}, "cipher cannot change"},
			{server.Update{All: true, Options: []string{"route 10.1.0.0 255.255.0.0 " + strings.Repeat("0", 2000)}}, "route"},
			{server.Update{All: true, Options: []string{"redirect-gateway def1,ipv6"}}, "def1,ipv6"},
		} {
			if got, err := s.PushUpdate(c.update); err == nil || !strings.Contains(err.Error(), c.want) || got.Told != nil {
				t.Errorf("%+v: %+v, %v; expected %q", c.update, got, err, c.want)
			}
		}
		time.Sleep(time.Second)
		if logged(&a.process, changed) {
			t.Error("the client was told")
		}
	})
}

// TestLongestPush: the longest option that a configuration may push reaches
// clients.
func TestLongestPush(t *testing.T) {
	const start, most = "setenv-safe LONG ", 960
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve(`push "` + start + strings.Repeat("x", most-len(start)) + `"`)
		exchange(t, s, w.connect("anna", ""))
	})
}
