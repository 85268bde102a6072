package manage

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
	"culvert/operate/manage/api"
	"culvert/operate/manage/recent"
	"culvert/session/wire"
)

// serve serves a back end and returns a client of it.
func serve(t *testing.T, b backend.Backend) *Client {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	a, kept := api.New(api.Options{}), recent.Keep(b)
	Add(a, b, kept)
	stop, err := Serve(dir, "server-a", a.Handler())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); kept.Close() })
	c, err := Dial(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStatusJSON holds the form that programs read.
func TestStatusJSON(t *testing.T) {
	b, id, when := backendtest.New(), wire.PeerID(3), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b.State = backend.Status{Role: "server", Adapter: "tun0", Since: when, Drops: map[string]uint64{"replayed": 2}, Lists: []string{"crl.pem"}, Marked: 4, Peers: []backend.Peer{
		{Number: 7, Name: "anna", User: "ann", PeerID: &id, Remote: "192.0.2.7:1194", IPv4: netip.MustParseAddr("10.8.0.2"), IPv6: netip.MustParseAddr("fd00::2"),
			Cipher: "AES-256-GCM", Serial: "0a", Since: when, LastHeard: when, BytesIn: 5, BytesOut: 6},
		{Number: 8, Name: "UNDEF", Connecting: true, Remote: "192.0.2.8:1194"},
	}}
	const peers = `[{"name":"anna","user":"ann","peer_id":3,"remote":"192.0.2.7:1194","ipv4":"10.8.0.2","ipv6":"fd00::2","cipher":"AES-256-GCM",` +
		`"serial":"0a","since":"2026-03-01T12:00:00Z","last_heard":"2026-03-01T12:00:00Z","bytes_in":5,"bytes_out":6},` +
		`{"name":"UNDEF","connecting":true,"remote":"192.0.2.8:1194","bytes_in":0,"bytes_out":0}]`
	c := serve(t, b)
	for want, state := range map[string]backend.Status{
		`{"role":"server","adapter":"tun0","since":"2026-03-01T12:00:00Z","peers":` + peers + `,"drops":{"replayed":2},"revocation_lists":["crl.pem"],"marked":4}`: b.State,
		`{"role":"client","adapter":"tun1","since":"2026-03-01T12:00:00Z","peers":null,"drops":{}}`:                                                                {Role: "client", Adapter: "tun1", Since: when, Drops: map[string]uint64{}},
	} {
		b.Change(func(s *backend.Status) { *s = state })
		got, err := c.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := json.Marshal(got); string(text) != want {
			t.Errorf("got\n%s\nwant\n%s", text, want)
		}
		if !reflect.DeepEqual(got, state) {
			t.Errorf("got %+v, want %+v", got, state)
		}
	}
}

func TestPushUpdate(t *testing.T) {
	var got backend.Update
	want := backend.Updated{Told: []string{"anna"}, Unable: []string{}, Missing: []string{"peer-id 9"}}
	b := backendtest.New()
	c := serve(t, b)
	if _, err := c.PushUpdate(t.Context(), backend.Update{All: true}); err == nil || !strings.Contains(err.Error(), "only a server") {
		t.Errorf("a client is asked: %v", err)
	}
	b.Update = func(u backend.Update) (backend.Updated, error) {
		if got = u; len(u.Options) == 0 {
			return backend.Updated{}, errors.New("no option given")
		}
		return want, nil
	}
	asked := backend.Update{Names: []string{"anna"}, PeerIDs: []wire.PeerID{9}, Options: []string{"-route"}}
	if done, err := c.PushUpdate(t.Context(), asked); err != nil || !reflect.DeepEqual(done, want) || !reflect.DeepEqual(got, asked) {
		t.Errorf("asked %+v, answered %+v, %v", got, done, err)
	}
	if _, err := c.PushUpdate(t.Context(), backend.Update{All: true}); err == nil || err.Error() != "no option given" {
		t.Errorf("a refusal: %v", err)
	}
	for body, want := range map[string]string{
		`{"optoins": []}`: "optoins",
	} {
		answer, err := c.Do(t.Context(), "POST", UpdatePath, json.RawMessage(body))
		if err == nil {
			answer.Close()
			t.Errorf("%.40s is taken", body)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v", body, err)
		}
	}
}

// TestFollow: the status comes first, and each event is a line from when it happens,
// also one right after the status. The answer ends with the tunnel, or with whoever
// reads it.
func TestFollow(t *testing.T) {
	for _, ending := range []string{"reader", "tunnel", "refusal"} {
		b := backendtest.New()
		c := serve(t, b)
		ctx, cancel := context.WithCancel(t.Context())
		got, ended := make(chan backend.Event, 2), make(chan error, 1)
		refusal := errors.New("enough")
		want := backend.Event{Kind: backend.Up, Name: "anna\n", IPv4: netip.MustParseAddr("10.8.0.2")}
		begin := func(s backend.Status) error {
			if !reflect.DeepEqual(s.Role, b.Status().Role) || len(got) > 0 {
				t.Errorf("begins with %+v", s)
			}
			b.Happen(want)
			return nil
		}
		go func() {
			ended <- c.Follow(ctx, begin, func(e backend.Event) error {
				got <- e
				if e.Kind == backend.Ended {
					return refusal
				}
				return nil
			})
		}()
		if e := <-got; !reflect.DeepEqual(e, want) {
			t.Errorf("got %+v", e)
		}
		wantErr := error(nil)
		switch ending {
		case "reader":
			cancel()
		case "refusal":
			b.Happen(backend.Event{Kind: backend.Ended})
			wantErr = refusal
		case "tunnel":
			b.End()
		}
		if err := <-ended; err != wantErr {
			t.Errorf("ended by the %s: %v", ending, err)
		}
		cancel()
	}
	refusal := errors.New("no status wanted")
	err := serve(t, backendtest.New()).Follow(t.Context(), func(backend.Status) error { return refusal }, nil)
	if err != refusal {
		t.Errorf("begin's error: %v", err)
	}
}
