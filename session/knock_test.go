package session

import (
	"testing"
	"time"
)

// knocked asks once more, and returns how long the answer took, 0 without one, and how many packets
// were sent.
func knocked(sim *pair) (took time.Duration, packets int) {
	n := dataPackets(sim, sim.client)
	before, asked := *n, sim.now
	sim.client.Ping(true)
	sim.pass(time.Second)
	if at := sim.client.data.LastAnswer(); at.After(asked) {
		took = at.Sub(asked)
	}
	return took, *n - before
}

// TestKnockByPing: a peer that answers no messages is asked by pings in the tunnel, after some questions
// by them alone. No answer gets out of the tunnel.
func TestKnockByPing(t *testing.T) {
	for _, e := range []Echo{echo4, echo6} {
		sim, others := pinged(t, path{delay: 10 * time.Millisecond}, e)
		sim.client.Path.Measure(sim.now, 0, e)
		deaf := sim.meddle
		sim.meddle = func(at *end) {
			if deaf(at); at == sim.server {
				at.data.loads.wanted.Store(false)
			}
		}
		if took, n := knocked(sim); took != 0 || n != 2 || sim.client.data.Answers.PingsOnly() {
			t.Errorf("without addresses: an answer after %v to %d packets, want none to 2", took, n)
		}
		sim.client.data.Answers.AskBy(e)
		for i := range 2 * helloTries {
			want := 3 // for peers that do not ask for anything but to be heard of, for those with messages, and for those with pings
			if i >= helloTries-1 {
				want = 2
			}
			took, n := knocked(sim)
			if took < 20*time.Millisecond || took > 100*time.Millisecond || n != want || !sim.client.data.Answers.PingsOnly() {
				t.Errorf("%v, question %d: an answer after %v to %d packets, want %d", e, i, took, n, want)
			}
		}
		if len(*others) > 0 {
			t.Errorf("%d packets left the tunnel", len(*others))
		}
		sim.client.data.Answers.AskBy(Echo{})
		if took, _ := knocked(sim); took != 0 {
			t.Errorf("without addresses any more: an answer after %v", took)
		}
	}
}

// TestKnockByMessage: a peer that answers messages is asked by nothing else after that.
func TestKnockByMessage(t *testing.T) {
	sim := newPair(t, path{delay: 10 * time.Millisecond}, nil)
	sim.run(time.Minute, sim.established)
	sim.pass(time.Second)
	sim.client.data.Answers.AskBy(echo4)
	for i, want := range []int{3, 2, 2} {
		if took, n := knocked(sim); took < 20*time.Millisecond || n != want || sim.client.data.Answers.PingsOnly() {
			t.Errorf("question %d: an answer after %v to %d packets, want %d", i, took, n, want)
		}
	}
}
