package hostnet

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
)

// redirectedBy is redirected by pool n, with a host's number there; with peer, by the other
// end of a link.
func redirectedBy(n, number int, peer bool, former ...Address) State {
	s := redirected()
	pool4, pool6 := fmt.Sprintf("10.%d.0.", n), fmt.Sprintf("fd00:%d::", n)
	hop4, hop6 := ip(pool4+"1"), ip(pool6+"1")
	s.Addresses = []Address{address(fmt.Sprintf("%s%d/24", pool4, number)), address(fmt.Sprintf("%s%d/64", pool6, number))}
	if peer {
		hop4 = ip(pool4 + "5")
		s.Addresses[0] = Address{Prefix: netip.PrefixFrom(s.Addresses[0].Prefix.Addr(), 32), Peer: hop4}
	}
	s.Addresses = append(s.Addresses, former...)
	for i, r := range s.Routes {
		switch {
		case r.Via.Is4():
			s.Routes[i].Via = hop4
		case r.Via.Is6():
			s.Routes[i].Via = hop6
		}
	}
	return s
}

// Packets stay in the tunnel at each moment in which its address and routes give way to
// others, and nothing of what keeps them there stays, also after kill -9.
func TestMeanwhile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is kept from leaving the tunnel meanwhile")
	}
	for name, states := range map[string][2]State{
		"another pool":            {redirectedBy(8, 2, false), redirectedBy(9, 2, false)},
		"another address":         {redirectedBy(8, 2, false), redirectedBy(8, 3, false)},
		"an address that is kept": {redirectedBy(8, 2, false), redirectedBy(9, 2, false, Address{Prefix: prefix("10.8.0.2/32"), Former: true})},
		"the other end of a link": {redirectedBy(8, 6, true), redirectedBy(9, 2, false)},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTwin()
			before := k.String()
			a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, nil), states[0])
			k.changed = func() {
				for _, a := range []string{"8.8.8.8", "2a00:1450::1"} {
					if w, err := k.wayTo(ip(a), none); err != nil || w.Device != "tun0" {
						t.Errorf("%s is reached by %v: %v", a, w, err)
					}
				}
			}
			for range 2 {
				for _, s := range []State{states[1], states[0]} {
					check(t, a.Update(context.Background(), s))
					other := newTwin()
					mustApply(t, newProcesses().start(other, t.TempDir(), 1, nil), s)
					mustEqual(t, k.String(), other.String())
				}
			}
			k.changed = nil
			mustUndo(t, a)
			mustEqual(t, k.String(), before)
			killedAnywhere(t, newTwin, &states[0], func(_ *host, a *Applied) { check(t, a.Update(context.Background(), states[1])) })
		})
	}
}

// What keeps packets in the tunnel meanwhile may fail: the update goes on.
func TestMeanwhileFails(t *testing.T) {
	from, to := redirectedBy(8, 2, false), redirectedBy(9, 2, false)
	k := newTwin()
	a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, nil), from)
	k.failAt = k.steps + 1
	check(t, a.Update(context.Background(), to))
	k.failAt = 0
	other := newTwin()
	mustApply(t, newProcesses().start(other, t.TempDir(), 1, nil), to)
	mustEqual(t, k.String(), other.String())
}
