package hostnet

import "testing"

// TestLinkLocalNeedsNoBypass: who sends to such an address names the adapter, and
// a route for it would be right for one adapter alone.
func TestLinkLocalNeedsNoBypass(t *testing.T) {
	k := newTwin()
	h := newProcesses().start(k, t.TempDir(), 1, nil)
	a := mustApply(t, h, State{Device: "tun0", Routes: []Route{{Dst: prefix("fe80::7/128"), Bypass: true}}})
	for _, w := range k.table {
		if w.Dst == prefix("fe80::7/128") {
			t.Errorf("pinned: %v", w)
		}
	}
	mustUndo(t, a)
}
