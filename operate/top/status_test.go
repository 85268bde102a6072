package top

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"culvert/nic/tuntap"
	"culvert/operate/backend"
	"culvert/session/wire"
	"culvert/tunnel"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sample() *backend.Status {
	id := wire.PeerID(3)
	return &backend.Status{Role: "server", Adapter: "tun0", Since: now.Add(-26 * time.Hour), Peers: []backend.Peer{
		{Name: "UNDEF", Connecting: true, Remote: "192.0.2.8:1194", LastHeard: now},
		{Name: "quiet", User: "quiet", Remote: "192.0.2.10:40000", IPv4: netip.MustParseAddr("10.8.0.3"), Since: now.Add(-time.Hour), LastHeard: now.Add(-5 * time.Minute), BytesIn: 3 << 30},
		{Name: "anna", User: "ann\x1b[2J", Remote: "192.0.2.7:1194", PeerID: &id, IPv4: netip.MustParseAddr("10.8.0.2"), IPv6: netip.MustParseAddr("fd00::2"), Cipher: "AES-256-GCM",
			Since: now.Add(-90 * time.Second), LastHeard: now.Add(-4 * time.Second), BytesIn: 5, BytesOut: 6 << 20},
		{Name: "vpn1", Remote: "192.0.2.9:1194", KeptFor: []netip.Addr{netip.MustParseAddr("10.8.0.2"), netip.MustParseAddr("fd00::2")}},
	}, Chosen: &backend.Chosen{Only: []string{"*.corp.example", "user ada"}, Except: []string{"10.0.0.0/8"}, Addresses: 3, Trouble: "no room"},
		Endings: &backend.Endings{In30: 3, In14: 2, In7: 1, Ready: 2}, Marked: 7,
		Records: []backend.Record{{Name: "history", Lost: 5, Trouble: "no space\x1b left"}, {Name: "accounting-log"}}, Drops: map[string]uint64{"replayed": 12, "other": 100}}
}

// TestStatusText: who is in comes first, the last heard of them first; what matters is on
// top, and nothing of a terminal's that a name brings.
func TestStatusText(t *testing.T) {
	const want = `server on tun0, up 1d 2h
! certificates that end: 3 within 30 days, 2 within 14, 1 within 7; next profiles that wait to be handed over: 2 (culvert authority show)
! history cannot be written or told now: no space\x1b left
! history: 5 changes were lost since this process began
peers: 3, and 1 connecting; 3.0 GiB in from them, 6.0 MiB out to them
NAME   USER               FOR  INSIDE            FROM                   IN      OUT  HEARD  CIPHER       PEER-ID  NOTES
anna   ann\x1b[2J      1m 30s  10.8.0.2 fd00::2  192.0.2.7:1194        5 B  6.0 MiB     4s  AES-256-GCM        3
quiet                   1h 0m  10.8.0.3          192.0.2.10:40000  3.0 GiB      0 B  5m 0s
vpn1                                             192.0.2.9:1194        0 B      0 B                               kept for what is open from 10.8.0.2 and fd00::2
UNDEF              connecting                    192.0.2.8:1194        0 B      0 B     0s
only: *.corp.example, user ada
except: 10.0.0.0/8
addresses of chosen names: 3; the last ones were not learned: no room
marked for congestion (ECN): 7 packets
dropped, in packets:
     100  other
      12  replayed: seen before, or too late to tell; some are normal on a path that repeats or reorders
`
	if got := Text(sample(), Options{}, now); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, width := range []int{80, 120} {
		for line := range strings.Lines(Text(sample(), Options{Width: width}, now)) {
			if n := runewidth.StringWidth(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
	}
	if got := Text(sample(), Options{Width: 80}, now); strings.Contains(got, "CIPHER") || !strings.Contains(got, "10.8.0.2") {
		t.Errorf("in 80 columns:\n%s", got)
	}
}

// TestStatusOfAClient: one that is not connected says so on top.
func TestStatusOfAClient(t *testing.T) {
	s := &backend.Status{Role: "client", Adapter: "tun0", Since: now, Peers: []backend.Peer{{Name: "vpn", Connecting: true, Remote: "192.0.2.9:1194"}}}
	if got := Text(s, Options{}, now); !strings.HasPrefix(got, "client on tun0, up 0s\n! not connected: connecting to 192.0.2.9:1194\npeers: 0, and 1 connecting") || !strings.HasSuffix(got, "dropped: nothing\n") {
		t.Error(got)
	}
}

// TestSortAndMatch: peers come in the order that is asked for, and only those that are.
func TestSortAndMatch(t *testing.T) {
	for by, want := range map[string]string{
		"": "anna quiet vpn1 UNDEF", "active": "anna quiet vpn1 UNDEF", "name": "anna quiet vpn1 UNDEF", "since": "quiet anna vpn1 UNDEF",
		"in": "quiet anna vpn1 UNDEF", "out": "anna quiet vpn1 UNDEF", "heard": "anna quiet vpn1 UNDEF",
	} {
		var got []string
		for _, p := range selected(sample().Peers, by, "") {
			got = append(got, p.Name)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("by %s: %s, want %s", by, text, want)
		}
	}
	for match, want := range map[string]int{"ANN": 1, "10.8.0.3": 1, "192.0.2.": 4, "fd00": 1, "none": 0} {
		if got := len(selected(sample().Peers, "", match)); got != want {
			t.Errorf("%s: %d peers, want %d", match, got, want)
		}
	}
	if got := Text(sample(), Options{Match: "none\x07"}, now); !strings.Contains(got, `no peer has none\a in`) {
		t.Error(got)
	}
}

// TestThousandPeers: each has its line.
func TestThousandPeers(t *testing.T) {
	s := &backend.Status{Role: "server", Adapter: "tun0", Since: now}
	for i := range 1000 {
		s.Peers = append(s.Peers, backend.Peer{Name: fmt.Sprintf("client%04d", i), Remote: "192.0.2.1:1194", Since: now, LastHeard: now.Add(-time.Duration(i) * time.Second)})
	}
	lines := strings.Split(Text(s, Options{Width: 80}, now), "\n")
	if len(lines) != 3+1000+2 || !strings.HasPrefix(lines[3], "client0000 ") || !strings.HasPrefix(lines[1002], "client0999 ") {
		t.Errorf("%d lines, from %s to %s", len(lines), lines[3], lines[min(1002, len(lines)-1)])
	}
}

// TestEveryReasonHasAMeaning: what the road drops is explained.
func TestEveryReasonHasAMeaning(t *testing.T) {
	for d := tunnel.Malformed; d <= tunnel.OverRate; d++ {
		if meanings[d.String()] == "" {
			t.Errorf("%s has no meaning", d)
		}
	}
	if meanings[tuntap.QueueFull] == "" {
		t.Errorf("%s has no meaning", tuntap.QueueFull)
	}
}

// TestUnits: numbers are short, and never lie by more than they round.
func TestUnits(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10239: "10 KiB", 1 << 20: "1.0 MiB", 1<<20 - 1: "1.0 MiB", 1<<64 - 1: "16 EiB", 150 << 30: "150 GiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[float64]string{0: "0", 1: "8 bit/s", 125: "1.0 kbit/s", 125e6: "1.0 Gbit/s", 124.99e6: "1.0 Gbit/s", 12.5e6: "100 Mbit/s"} {
		if got := rateText(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Hour: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m 1s", 49 * time.Hour: "2d 1h"} {
		if got := timeText(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := sparkline([]float64{9, 0, 0.1, 4, 8}, 6); got != " █ ▁▄▇" {
		t.Errorf("%q", got)
	}
	if got := sparkline([]float64{9, 0, 0.1, 4, 8}, 3); got != "▁▄█" {
		t.Errorf("%q", got)
	}
}
