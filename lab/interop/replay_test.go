//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// manyCores is our program with more queues than this machine has cores.
var manyCores = implementation{"ours", func(t testing.TB, config, stateDir string) []string {
	return slices.Concat([]string{"env", "GOMAXPROCS=8"}, ours.command(t, config, stateDir))
}}

// replay is the line of a stock receiver for a packet that comes too far behind
// others, or twice.
var replay = regexp.MustCompile(`may be a replay`)

// TestNoReplayDrops sends a stock client, with the replay window it has by
// default, all that our server can, by several flows at once: they come out of
// different queues of the adapter, and every packet must leave in the order of
// its packet-id all the same.
func TestNoReplayDrops(t *testing.T) {
	tun := connect(t, pairing{stock, manyCores}, serverParty(t, plain), clientParty(t, plain))
	if link := tun.server.ip("-d", "link", "show", "dev", tunDevice); !strings.Contains(link, "numqueues 4") {
		t.Fatalf("the server's adapter has not four queues: %s", link)
	}
	at := netip.AddrPortFrom(tun.clientIPv4.prefix.Addr(), 9).String()
	before := tun.clientReceived()
	const senders, each, enough = 3, 15_000, 5_000
	received, sent := 0, 0
	for round := 0; received < enough && round < 20; round++ { // on a busy machine, few of a round arrive
		for _, size := range []int{16, 1200} {
			var running []*process
			for range senders {
				running = append(running, tun.server.helper("flood", at, fmt.Sprint(size), fmt.Sprint(each)))
			}
			for _, p := range running {
				if err := p.wait(patience); err != nil {
					t.Fatalf("flood: %v", err)
				}
			}
			tun.client.ping(serverIPv4)
			sent += senders * floodFlows * each
		}
		received = tun.clientReceived() - before
	}
	t.Logf("%d of %d packets arrived", received, sent)
	if received < enough {
		t.Errorf("only %d packets arrived", received)
	}
	if n := tun.clientProc.count(replay); n > 0 {
		t.Errorf("the client took %d packets for replays", n)
	}
}

// clientReceived is how many packets came out of the client's adapter.
func (tun *tunnel) clientReceived() int {
	tun.client.t.Helper()
	count := tun.client.output("cat", "/sys/class/net/"+tunDevice+"/statistics/rx_packets")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	if err != nil {
		tun.client.t.Fatal(err)
	}
	return n
}
