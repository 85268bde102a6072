package hostnet

import (
	"context"
	"testing"
)

// movedOn is a State after another server gave other addresses, with those of before kept.
func movedOn() State {
	s := redirected()
	s.MTU, s.TxQueueLen, s.DNS = 0, 0, nil
	s.Addresses = []Address{address("10.9.0.2/24"), address("fd00:9::2/64"),
		{Prefix: prefix("10.8.0.2/32"), Former: true}, {Prefix: prefix("fd00:8::2/128"), Former: true}}
	return s
}

func before(s State) State {
	s.Addresses = []Address{address("10.8.0.2/24"), address("fd00:8::2/64")}
	return s
}

func after(s State) State {
	s.Addresses = s.Addresses[:2]
	return s
}

func TestPlanFormer(t *testing.T) {
	s := movedOn()
	s.Routes = nil
	mustEqual(t, numbered(t, newTwin(), s), lines(
		"set tun0 up",
		"add address 10.9.0.2/24 to tun0",
		"add address fd00:9::2/64 to tun0",
		"add address 10.8.0.2/32, for connections from before, to tun0",
		"add address fd00:8::2/128, for connections from before, to tun0",
		"add route 0.0.0.0/0 dev tun0 table 43562",
		"add IPv4 rule 20004: from 10.8.0.2/32, table 43562",
		"add route ::/0 dev tun0 table 43562",
		"add IPv6 rule 20004: from fd00:8::2/128, table 43562",
	))
}

// Former addresses come with a move and go when they are no longer wanted, also beside
// chosen programs, which have tables of their own.
func TestFormer(t *testing.T) {
	for _, chosen := range []*Chosen{nil, onlySome().Chosen} {
		k := withPrograms()
		was := k.String()
		s := movedOn()
		s.Chosen = chosen
		a := applied(t, newProcesses().start(k, t.TempDir(), 1, nil), before(s))
		check(t, ignorePartial(a.Update(context.Background(), s)))
		if n := len(k.addrs["tun0"]); n != 4 {
			t.Errorf("%d addresses", n)
		}
		steps := k.steps
		if _, _, err := a.restore(context.Background(), always); err != nil || k.steps > steps+1 {
			t.Errorf("%d changes to a host that has all, %v", k.steps-steps, err)
		}
		k.ipRules = nil
		if _, _, err := a.restore(context.Background(), always); err != nil || len(k.ipRules) < 2 {
			t.Errorf("rules were not put back: %v, %v", k.ipRules, err)
		}
		check(t, ignorePartial(a.Update(context.Background(), after(s))))
		for _, r := range k.ipRules {
			if r.From.IsValid() {
				t.Errorf("left: %v", r)
			}
		}
		if n := len(k.addrs["tun0"]); n != 2 {
			t.Errorf("%d addresses are left", n)
		}
		mustUndo(t, a)
		mustEqual(t, k.String(), was)
	}
}

// A process that is killed anywhere in a move, or when the former addresses go, leaves what
// the next one undoes.
func TestFormerKilled(t *testing.T) {
	begin := before(movedOn())
	killedAnywhere(t, newTwin, &begin, func(_ *host, a *Applied) {
		check(t, ignorePartial(a.Update(context.Background(), movedOn())))
		check(t, ignorePartial(a.Update(context.Background(), after(movedOn()))))
	})
}
