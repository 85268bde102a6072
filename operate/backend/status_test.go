package backend

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/session/wire"
)

// TestStatusText: who is in, who is connecting, and nothing of a terminal's that
// a name brings.
func TestStatusText(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	id := wire.PeerID(3)
	s := Status{Role: "server", Adapter: "tun0", Since: now.Add(-time.Minute), Peers: []Peer{
		{Name: "anna", User: "ann\x1b[2J", Remote: "192.0.2.7:1194", PeerID: &id, IPv4: netip.MustParseAddr("10.8.0.2"), Cipher: "AES-256-GCM",
			LastHeard: now.Add(-4 * time.Second), BytesIn: 5, BytesOut: 6},
		{Name: "vpn1", Remote: "192.0.2.9:1194", KeptFor: []netip.Addr{netip.MustParseAddr("10.8.0.2"), netip.MustParseAddr("fd00::2")}},
		{Name: "UNDEF", Connecting: true, Remote: "192.0.2.8:1194", LastHeard: now},
	}, Chosen: &Chosen{Only: []string{"*.corp.example", "user ada"}, Except: []string{"10.0.0.0/8"}, Addresses: 3, Trouble: "no room"}, Endings: &Endings{In30: 3, In14: 2, In7: 1, Ready: 2}}
	const want = `server on tun0, up 1m0s
peers: 2, and 1 connecting
  anna  user ann\x1b[2J  192.0.2.7:1194  10.8.0.2  5 bytes in, 6 out  AES-256-GCM  heard 4s ago  peer-id 3
  vpn1  192.0.2.9:1194  0 bytes in, 0 out  kept for what is open from 10.8.0.2 and fd00::2
  UNDEF  192.0.2.8:1194  connecting  0 bytes in, 0 out  heard 0s ago
only: *.corp.example, user ada
except: 10.0.0.0/8
addresses of chosen names: 3; the last ones were not learned: no room
certificates that end: 3 within 30 days, 2 within 14, 1 within 7; next profiles that wait to be handed over: 2 (culvert authority show)
dropped: nothing
`
	if got := string(s.Append(nil, now)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNoEndings: nothing is said where nothing ends.
func TestNoEndings(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := Status{Role: "server", Since: now, Endings: new(Endings)}
	if got := string(s.Append(nil, now)); strings.Contains(got, "certificates") {
		t.Error(got)
	}
}
