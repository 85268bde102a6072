package hostnet

import (
	"strings"
	"testing"
)

// pinnedTo is where the way to the server of redirected leads.
func pinnedTo(k *twin) (to string) {
	for _, w := range k.table {
		if w.Dst == prefix("203.0.113.5/32") {
			to += w.Device
		}
	}
	return to
}

// tunnel comes up on a host, with routes that go before those of a full tunnel.
func (t *twin) tunnel(name string, index int) {
	if t.virtual == nil {
		t.virtual = map[string]int{}
	}
	t.virtual[name] = index
	t.links[name] = link{Up: true}
	for _, dst := range []string{"192.0.0.0/2", "128.0.0.0/2"} {
		t.table = append(t.table, way{Dst: prefix(dst), Device: name, Index: index})
	}
}

// TestLaterTunnelIsAbove: the way to the server does not lead into a tunnel that
// came up later, whose own packets go through this one; neither where there is no
// other way for a while.
func TestLaterTunnelIsAbove(t *testing.T) {
	k := newTwin()
	k.virtual = map[string]int{"tun0": 4}
	keeping(t, redirected(), k, func(c *kept) {
		c.change("", func(k *twin) { k.tunnel("wg0", 9) })
		mustEqual(t, pinnedTo(c.k), "wlan0")
		c.change("", func(k *twin) { k.dropRoutes(func(w way) bool { return w.Device == "wlan0" }) })
		mustEqual(t, pinnedTo(c.k), "")
	})
}

// TestEarlierTunnelIsBelow: the way to the server leads through a tunnel that
// was there before, and also when that was taken down and comes up again.
func TestEarlierTunnelIsBelow(t *testing.T) {
	k := newTwin()
	k.virtual = map[string]int{"tun0": 4}
	k.tunnel("wg0", 3)
	keeping(t, redirected(), k, func(c *kept) {
		mustEqual(t, pinnedTo(c.k), "wg0")
		c.change("", func(k *twin) { k.dropRoutes(func(w way) bool { return w.Device == "wg0" }) })
		mustEqual(t, pinnedTo(c.k), "wlan0")
		c.change("", func(k *twin) { k.tunnel("wg0", 12) })
		mustEqual(t, pinnedTo(c.k), "wg0")
	})
}

// TestTunnelOfThisProgramAbove: of two processes none leads its way past its
// tunnel into that of the other whose way leads through it, whichever is older.
func TestTunnelOfThisProgramAbove(t *testing.T) {
	k, ps, dir := newTwin(), newProcesses(), t.TempDir()
	k.virtual = map[string]int{"tun0": 4, "tun1": 3}
	k.links["tun1"] = link{MTU: 1500}
	lower := mustApply(t, ps.start(k, dir, 1, nil), redirected())
	other := State{Device: "tun1", Routes: []Route{
		{Dst: prefix("198.51.100.9/32"), Bypass: true}, {Dst: prefix("192.0.0.0/2")},
	}}
	upper := mustApply(t, ps.start(k, dir, 2, nil), other)
	if _, _, err := lower.restore(t.Context(), func(change) bool { return true }); err != nil {
		t.Error(err)
	}
	mustEqual(t, pinnedTo(k), "wlan0")
	if !strings.Contains(lines(upper.Changes()...), "198.51.100.9/32 via 10.8.0.1 dev tun0") {
		t.Error(upper.Changes())
	}
	mustUndo(t, upper)
	mustUndo(t, lower)
}
