package tunnel

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/nic"
	"culvert/session"
)

// further is one more peer of a server at far, and its own end.
func further(t *testing.T, net *simnet.Network, far *half, at string) (*half, *Peer) {
	t.Helper()
	client, server := sessions(t)
	end := newHalf(t, nic.IP, net, netip.MustParseAddrPort(at), farAddr, client)
	peer := NewPeer(server, far.link, buf.Path{Remote: end.link.LocalAddr()}, func(*Peer, time.Time, session.Event) {})
	t.Cleanup(peer.Stop)
	return end, peer
}

// TestSeveralReceivers sends more packets than are carried at once to three
// peers, and has one peer send to the adapter and the other two.
func TestSeveralReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, far, net := roads(t)
		second, to2 := further(t, net, far, "192.0.2.3:1194")
		third, to3 := further(t, net, far, "192.0.2.4:1194")
		far.role.route = func(to *Receivers) Drop {
			to.Add(far.peer)
			to.Add(to2)
			to.Add(to3)
			return Kept
		}
		far.role.forward = func(_ []byte, to *Receivers) Drop {
			to.Add(to2)
			to.Add(to3)
			to.Adapter = true
			return Kept
		}
		packets := numbered(150)
		for _, p := range packets {
			far.nic.Inject(p)
		}
		for i, end := range []*half{first, second, third} {
			if !equal(drain(end), packets) {
				t.Errorf("outbound, end %d: packets were lost, changed or came out of order", i+1)
			}
		}
		for _, p := range packets {
			first.nic.Inject(p)
		}
		for i, end := range []*half{far, second, third} {
			if !equal(drain(end), packets) {
				t.Errorf("inbound, end %d: packets were lost, changed or came out of order", i+1)
			}
		}
		if drops := far.Counters.Snapshot(); len(drops) != 0 {
			t.Errorf("dropped %v", drops)
		}
	})
}

// TestOneReceiverFails: a receiver that cannot be reached keeps nothing from the
// others.
func TestOneReceiverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, far, net := roads(t)
		second, to2 := further(t, net, far, "192.0.2.3:1194")
		young := NewPeer(session.NewClient(testConfig(false), time.Now()), far.link, far.peer.Path(), nil)
		far.role.route = func(to *Receivers) Drop {
			to.Add(far.peer)
			to.Add(young)
			to.Add(to2)
			return Kept
		}
		packets := numbered(3)
		for _, p := range packets {
			far.nic.Inject(p)
		}
		if !equal(drain(first), packets) || !equal(drain(second), packets) {
			t.Error("packets were lost, changed or came out of order")
		}
		if drops := far.Counters.Snapshot(); len(drops) != 1 || drops[NoKey.String()] != 3 {
			t.Errorf("dropped %v", drops)
		}
	})
}
