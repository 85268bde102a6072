package segment

import (
	"slices"
	"testing"
	"time"

	"culvert/nic/bridge"
	"culvert/nic/frame"
	"culvert/tunnel"
)

// posing has a client send two frames a second from an address, for a minute.
func (b *bench) posing(port int, as frame.MAC) {
	for range 120 {
		b.from(port, header(adapter, as))
		b.now = b.now.Add(500 * time.Millisecond)
	}
}

// TestSilentStation: two frames a second take a silent station's address, of
// another client or of the adapter's LAN, and its next frame has it back.
func TestSilentStation(t *testing.T) {
	lan := frame.MAC{2, 0xee}
	for owner, mac := range map[int]frame.MAC{1: station(1), -1: lan} {
		for _, to := range []frame.MAC{frame.Broadcast, station(2)} {
			b := newBench(t, Options{ClientToClient: true}, 1, 1, 1)
			b.from(2, header(frame.Broadcast, station(2)))
			b.from(owner, header(frame.Broadcast, mac))
			b.now = b.now.Add(10 * time.Second)
			b.posing(0, mac)
			if got := b.from(owner, header(to, mac)); got == tunnel.SpoofedMAC.String() {
				t.Errorf("%v's owner, %d, is locked out", mac, owner)
			}
			b.expect(0, header(adapter, mac), tunnel.SpoofedMAC.String())
			want := map[int]string{1: "1 ", -1: "adapter"}[owner]
			b.expect(2, header(mac, station(2)), want)
			if len(b.contested) != 1 {
				t.Errorf("contests %q", b.contested)
			}
		}
	}
}

// TestAdapterWins: also where a client was the first to show an address, by what
// can be no client's own frame come back.
func TestAdapterWins(t *testing.T) {
	lan := frame.MAC{2, 0xee}
	b := newBench(t, Options{ClientToClient: true}, 1, 1)
	b.from(1, header(frame.Broadcast, station(1)))
	b.posing(0, lan)
	b.expect(-1, header(frame.Broadcast, lan), "1 ") // a client's, sent back by a bridge, or not
	b.expect(1, header(lan, station(1)), "0 ")
	b.expect(-1, header(station(1), lan), "1 ")
	b.expect(1, header(lan, station(1)), "adapter")
	b.expect(0, header(adapter, lan), tunnel.SpoofedMAC.String())
	if want := []string{lan.String() + "@0 adapter, not client 0"}; !slices.Equal(b.contested, want) {
		t.Errorf("contests %q", b.contested)
	}
}

// TestOwnMACOnly: a client has the addresses that are given to it and nobody
// else has them, or else the first that it uses.
func TestOwnMACOnly(t *testing.T) {
	b := newBench(t, Options{ClientToClient: true}, 1)
	bad := tunnel.SpoofedMAC.String()
	join := func(own Own) int {
		b.ports = append(b.ports, b.Join(new(tunnel.Peer), 1, 10, own))
		return len(b.ports) - 1
	}
	given := join(Own{Only: true, MACs: []frame.MAC{station(10), station(11)}})
	first := join(Own{Only: true})
	b.expect(0, header(adapter, station(10)), bad)
	b.expect(0, header(adapter, station(0)), "adapter")
	b.expect(given, header(adapter, station(0)), bad)
	b.expect(given, header(adapter, station(11)), "adapter")
	b.expect(given, header(adapter, station(10)), "adapter")
	b.expect(first, header(adapter, station(0)), bad) // in use, and so not its first
	b.expect(first, header(adapter, station(20)), "adapter")
	b.now = b.now.Add(2 * bridge.DefaultAge)
	b.expect(first, header(adapter, station(0)), bad)
	b.expect(first, header(adapter, station(20)), "adapter")
	b.expect(0, header(adapter, station(11)), bad)
	b.Leave(b.ports[given])
	b.expect(0, header(adapter, station(11)), "adapter")
}
