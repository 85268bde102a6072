package service

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"culvert/internal/buf"
	"culvert/internal/subsystem"
	"culvert/operate/backend"
	"culvert/operate/logs"
	"culvert/operate/manage/api"
	"culvert/operate/manage/packettest"
	"culvert/tunnel"
)

// stream asks for a stream, behind the message with an id, while something happens, and returns
// its messages, each as the document has it.
func (k *contract) stream(t *testing.T, at, last string, happen func()) []any {
	t.Helper()
	ctx, end := context.WithCancel(api.As(t.Context(), api.Caller{Name: "test", Scope: api.Administer, Via: "socket"}))
	defer end()
	path, _, _ := strings.Cut(at, "?")
	w := httptest.NewRecorder()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r := httptest.NewRequestWithContext(ctx, "GET", at, nil)
		r.Header.Set("Last-Event-ID", last)
		k.api.Handler().ServeHTTP(w, r)
	}()
	synctest.Wait()
	happen()
	synctest.Wait()
	end()
	<-ended
	media := w.Header().Get("Content-Type")
	var messages []any
	tell := func(fields map[string]any, data []byte) {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v: %s", at, err, data)
		}
		if fields == nil {
			messages = append(messages, value)
			return
		}
		fields["data"] = value
		messages = append(messages, fields)
	}
	switch media {
	case "text/event-stream":
		err := api.ReadMessages(w.Body, func(id, event string, data []byte) error {
			tell(map[string]any{"id": id, "event": event}, data)
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", at, err)
		}
	case "application/x-ndjson":
		for line := range bytes.Lines(w.Body.Bytes()) {
			tell(nil, line)
		}
	default:
		t.Fatalf("%s: %d %s: %s", at, w.Code, media, w.Body)
	}
	k.agrees(t, at, path, media, messages)
	return messages
}

// agrees checks messages by the schema of a stream, and that the schema refuses each of them
// with one field more.
func (k *contract) agrees(t *testing.T, what, path, media string, messages []any) {
	t.Helper()
	schema, err := k.schema.Compile("openapi.json#/paths/" + escaped(path) + "/get/responses/200/content/" + escaped(media) + "/schema/items")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := schema.Validate(m); err != nil {
			t.Errorf("%s: %v: %v", what, err, m)
		}
		object, _ := m.(map[string]any)
		data, inside := object["data"].(map[string]any)
		if !inside {
			data = object
		}
		data["nonsense"] = true
		if schema.Validate(m) == nil {
			t.Errorf("%s: the document allows any field: %v", what, m)
		}
		delete(data, "nonsense")
	}
}

// escaped is a key in a pointer of JSON within a URL.
func escaped(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(key)
}

// pass shows a packet on a road: one that came in for the adapter, and one that was dropped.
func pass(r *tunnel.Road, inner []byte) {
	for _, drop := range []bool{false, true} {
		p := buf.New(2000)
		p.Path.Remote = netip.MustParseAddrPort("192.0.2.7:1194")
		stops := []tunnel.Sight{{Stop: tunnel.AtLink, Bytes: inner}, {Stop: tunnel.AtOpen, Bytes: inner}, {Stop: tunnel.AtRoute, Bytes: inner, To: &tunnel.Receivers{Adapter: true}}, {Stop: tunnel.AtAdapter, Bytes: inner}}
		if drop {
			stops[2] = tunnel.Sight{Stop: tunnel.AtRoute, Bytes: inner, Drop: tunnel.BadSource}
			stops = stops[:3]
		}
		for i, s := range append(stops, tunnel.Sight{Stop: tunnel.AtEnd}) {
			if seer := r.Observer.Load(); seer != nil && (i == 0 || p.Note != nil) {
				s.Inbound, s.Packet, s.Time = true, p, time.Now()
				(*seer).See(&s)
			}
		}
	}
}

// eventful is an event of which every field is set.
func eventful() backend.Event {
	number, now := uint64(7), time.Now().UTC()
	return backend.Event{Time: now, Kind: backend.Up, Number: &number, Name: "an\u202ena\n<b>", User: "anna", Serial: "0a", Agent: "2.6.14 linux", Remote: "192.0.2.7:1194", From: "192.0.2.8:1194",
		IPv4: netip.MustParseAddr("10.8.0.6"), IPv6: netip.MustParseAddr("fd00::6"), Cipher: "AES-256-GCM", TLS: "TLS 1.3", Adapter: "tun0", Reason: "why", URL: "https://example.org",
		Options: []string{"route 10.1.0.0"}, Changes: []string{"address"}, Since: now, Wait: time.Second, PacketsIn: 1, PacketsOut: 2, BytesIn: 3, BytesOut: 1 << 63, Count: 4,
		Handshake: &backend.Handshake{Began: now, Answer: now, TLS: now, Keys: now, Decision: now, Push: now, Up: now, Stage: "up", Outcome: "completed", By: "login"}, Ending: "left"}
}

// TestStreams: what the streams of a process send is what the document says of their messages.
func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := contractOf(t, "server")
		all := k.stream(t, "/v1/events", "", func() {
			for _, e := range []backend.Event{{Kind: backend.Failed, Count: 1}, eventful(), {Kind: backend.Missed, Count: 3}} {
				e.Time = time.Now().UTC()
				k.back.Happen(e)
			}
		})
		if got := messageNames(all); got != "event event missed" {
			t.Errorf("events: %s", got)
		}
		if got := messageNames(k.stream(t, "/v1/events", "0123456789abcdef-7", func() {})); got != "missed event event missed" {
			t.Errorf("events of a reader of a process before: %s", got)
		}
		log := func(lines int) {
			for n := range lines {
				k.ring.Add(logs.Line{Time: time.Now(), Level: slog.LevelWarn, Subsystem: subsystem.Access, Message: fmt.Sprint("m", n), Attributes: []logs.Attribute{{Key: "client", Value: "an\u202ena"}, {Key: "port", Value: uint64(1194)}}})
			}
		}
		log(4200) // more than are kept
		if got := messageNames(k.stream(t, "/v1/logs", k.ring.Epoch()+"-1", func() { log(1) })); !strings.HasPrefix(got, "missed line line") {
			t.Errorf("logs: %.300s", got)
		}
		all = k.stream(t, "/v1/trace", "", func() { pass(&k.back.Road, packettest.Echo("10.8.0.6", "10.8.0.1", 84)) })
		if len(all) != 3 || all[2].(map[string]any)["end"] == nil {
			t.Errorf("trace: %v", all)
		}
	})
}

// messageNames are the names of messages.
func messageNames(messages []any) string {
	var names []string
	for _, m := range messages {
		names = append(names, fmt.Sprint(m.(map[string]any)["event"]))
	}
	return strings.Join(names, " ")
}
