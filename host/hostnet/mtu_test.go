package hostnet

import (
	"context"
	"strings"
	"testing"
)

// narrower is everything, with an adapter whose MTU is another.
func narrower(mtu int) State {
	s := everything()
	s.MTU = mtu
	return s
}

// TestMTUFollows: an adapter's MTU goes down and up as a path does; nothing else is touched, and
// in the end it is as it was.
func TestMTUFollows(t *testing.T) {
	k := newTwin()
	before := k.String()
	var log strings.Builder
	a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, &log), everything())
	for _, mtu := range []int{1260, 1280, 1420, 1500, 1260} {
		log.Reset()
		if err := a.Update(context.Background(), narrower(mtu)); err != nil || k.links["tun0"].MTU != mtu {
			t.Errorf("MTU %d, want %d: %v", k.links["tun0"].MTU, mtu, err)
		}
		for line := range strings.Lines(log.String()) {
			if !strings.Contains(line, "mtu") {
				t.Errorf("for an MTU of %d: %s", mtu, line)
			}
		}
	}
	mustUndo(t, a)
	mustEqual(t, k.String(), before)
}

// TestCrashAtEveryStepOfMTU: whoever dies on the way leaves the adapter as it was.
func TestCrashAtEveryStepOfMTU(t *testing.T) {
	eachStep(t, func(*twin) {}, func(_ *twin, h *host) {
		a := mustApply(t, h, everything())
		for _, mtu := range []int{1260, 1420} {
			if err := a.Update(context.Background(), narrower(mtu)); err != nil {
				t.Error(err)
			}
		}
	})
}
