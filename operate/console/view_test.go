package console

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/operate/backend"
)

// TestView: a connection from its beginning to its end, as a person sees it.
func TestView(t *testing.T) {
	began := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	v, server := new(view), "vpn.example (udp 192.0.2.1:1194)"
	for _, step := range []struct {
		ms         int
		e          backend.Event
		line, live string
	}{
		{0, backend.Event{Kind: backend.Resolving, Remote: "vpn.example"}, "· looking up vpn.example", ""},
		{10, backend.Event{Kind: backend.Connecting, Remote: server}, "· connecting to " + server, "connecting to " + server},
		{22, backend.Event{Kind: backend.Answered, Remote: server}, "· the server answered after 12 ms", "the server answered, exchanging keys"},
		{60, backend.Event{Kind: backend.Asking}, "· the server is who it should be; asking it for settings", "waiting for the server's settings"},
		{70, backend.Event{Kind: backend.Login, Wait: time.Minute}, "· waiting for the login, 1m0s at most", "waiting for the login, 1m0s at most"},
		{80, backend.Event{Kind: backend.Login, URL: "https://a"}, "", "waiting for the login, 1m0s at most"},
		{400, backend.Event{Kind: backend.Up, Remote: server, Adapter: "tun0", IPv4: netip.MustParseAddr("10.8.0.2")}, "✓ connected in 0.4 s as 10.8.0.2 on tun0",
			"10.8.0.2 · " + server + " · ↓ 0 B/s ↑ 0 B/s · 12 ms · 0:00:00"},
		{1400, backend.Event{Kind: backend.Renewed}, "", "10.8.0.2 · " + server + " · ↓ 1.5 MB/s ↑ 30 kB/s · 12 ms · 0:00:01"},
		{1500, backend.Event{Kind: backend.Moving, Remote: "two", Reason: "it is better"}, "· bringing up a connection to two beside this one: it is better", "10.8.0.2 · " + server + " · ↓ 0 B/s ↑ 0 B/s · 12 ms · 0:00:01"},
		{1600, backend.Event{Kind: backend.Up, Remote: "two", Adapter: "tun0", IPv4: netip.MustParseAddr("10.8.0.3")}, "✓ moved to two, as 10.8.0.3", "10.8.0.3 · two · ↓ 0 B/s ↑ 0 B/s · 0:00:01"},
		{1700, backend.Event{Kind: backend.Stayed, Remote: "b", Reason: "b is silent"}, "· stayed, since b is silent", "10.8.0.3 · two · ↓ 0 B/s ↑ 0 B/s · 0:00:01"},
		{1800, backend.Event{Kind: backend.Woke, Wait: 90 * time.Second}, "· this computer slept for 1m30s", "10.8.0.3 · two · ↓ 0 B/s ↑ 0 B/s · 0:00:01"},
		{2400, backend.Event{Kind: backend.Reconnecting, Wait: 5 * time.Second}, "", "connecting again in 5s"},
		{2500, backend.Event{Kind: backend.Connecting, Remote: server}, "· connecting to " + server, "connecting to " + server},
		{3500, backend.Event{Kind: backend.Up, Remote: server, Adapter: "tun0"}, "✓ connected in 1.0 s as - on tun0", "- · " + server + " · ↓ 0 B/s ↑ 0 B/s · 0:00:00"},
		{9000, backend.Event{Kind: backend.Ended}, "· disconnected after 0:00:05; 0 B in, 0 B out", "connecting to " + server},
	} {
		step.e.Time = at(step.ms)
		line := v.event(step.e)
		var in, out uint64
		if step.ms > 1000 {
			in, out = 1500000, 30000
		}
		if live := v.live(step.e.Time, in, out); line != step.line || live != step.live {
			t.Errorf("%v after %d ms: line %q, live %q; want %q, %q", step.e.Kind, step.ms, line, live, step.line, step.live)
		}
	}
}

// TestViewIsPrintable: what a server says moves no cursor.
func TestViewIsPrintable(t *testing.T) {
	v := new(view)
	for _, kind := range []backend.Kind{backend.Resolving, backend.Connecting, backend.Up, backend.Moved} {
		line := v.event(backend.Event{Kind: kind, Remote: "a\x1b[2Jb\n", Adapter: "tun\r0"})
		line += v.live(time.Now(), 0, 0)
		if line == "" || strings.ContainsAny(line, "\x1b\r\n") {
			t.Errorf("%v: %q", kind, line)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9940: "9.9 kB", 9960: "10 kB", 999499: "999 kB", 999500: "1.0 MB", 12345678: "12 MB", 1 << 63: "9.2 EB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}
