package console

import (
	"bytes"
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
		{0, backend.Event{Kind: backend.Resolving, Remote: "vpn.example"}, "· looking up vpn.example", "looking up vpn.example"},
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
		{9000, backend.Event{Kind: backend.Ended}, "· disconnected after 0:00:05; 0 B in, 0 B out", ""},
	} {
		step.e.Time = at(step.ms)
		line := v.event(step.e)
		var in, out uint64
		if step.ms > 1000 {
			in, out = 1500000, 30000
		}
		if live := longest(v.live(step.e.Time, in, out)); line != step.line || live != step.live {
			t.Errorf("%v after %d ms: line %q, live %q; want %q, %q", step.e.Kind, step.ms, line, live, step.line, step.live)
		}
	}
}

// longest is the first of the forms of a line.
func longest(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}

// TestNarrow: what a narrow terminal has no room for is left out, rates and delay last.
func TestNarrow(t *testing.T) {
	began := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	v := new(view)
	v.event(backend.Event{Kind: backend.Connecting, Time: began})
	v.event(backend.Event{Kind: backend.Answered, Time: began.Add(12 * time.Millisecond)})
	v.event(backend.Event{Kind: backend.Up, Remote: "vpn.example.org (udp 192.0.2.1:1194)", Adapter: "tun0", IPv4: netip.MustParseAddr("10.8.0.2"), IPv6: netip.MustParseAddr("fdfa:c194:2062::1000"), Time: began})
	v.live(began, 0, 0)
	lines := v.live(began.Add(time.Second), 1500000, 30000)
	for width, want := range map[int]string{
		0:   "10.8.0.2 fdfa:c194:2062::1000 · vpn.example.org (udp 192.0.2.1:1194) · ↓ 1.5 MB/s ↑ 30 kB/s · 12 ms · 0:00:01",
		120: "10.8.0.2 fdfa:c194:2062::1000 · vpn.example.org (udp 192.0.2.1:1194) · ↓ 1.5 MB/s ↑ 30 kB/s · 12 ms · 0:00:01",
		100: "10.8.0.2 fdfa:c194:2062::1000 · vpn.example.org · ↓ 1.5 MB/s ↑ 30 kB/s · 12 ms · 0:00:01",
		80:  "10.8.0.2 · vpn.example.org · ↓ 1.5 MB/s ↑ 30 kB/s · 12 ms · 0:00:01",
		60:  "vpn.example.org · ↓ 1.5 MB/s ↑ 30 kB/s · 12 ms · 0:00:01",
		40:  "↓ 1.5 MB/s ↑ 30 kB/s · 12 ms · 0:00:01",
		30:  "↓ 1.5 MB/s ↑ 30 kB/s",
		12:  "↓ 1.5 MB/s…",
	} {
		var out bytes.Buffer
		NewScreen(&out, func() int { return width }).Live(lines...)
		if got := shown(out.String()); got != want {
			t.Errorf("%d columns: %q, want %q", width, got, want)
		}
	}
}

// TestViewIsPrintable: what a server says moves no cursor.
func TestViewIsPrintable(t *testing.T) {
	v := new(view)
	for _, kind := range []backend.Kind{backend.Resolving, backend.Connecting, backend.Up, backend.Moved} {
		line := v.event(backend.Event{Kind: kind, Remote: "a\x1b[2Jb\n", Adapter: "tun\r0"})
		line += strings.Join(v.live(time.Now(), 0, 0), "")
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
