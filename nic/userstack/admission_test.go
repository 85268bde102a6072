package userstack

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// desk is an admission to try.
type desk struct {
	*admission
	t *testing.T
}

func newDesk(t *testing.T, half, perClient, limit int) desk {
	return desk{newAdmission(half, perClient, limit, newPace(1, 100), newBudget(1<<30, 1<<30)), t}
}

func at(client string, port uint16) flow {
	return flow{src: netip.AddrPortFrom(netip.MustParseAddr(client), port)}
}

func (d desk) ask(client string, port uint16, want verdict) *connection {
	d.t.Helper()
	if got := d.begin(context.Background(), at(client, port), 7); got != want {
		d.t.Fatalf("%s port %d: %d, want %d", client, port, got, want)
	}
	return d.attempt(at(client, port))
}

func (d desk) open(client string, port uint16) *connection {
	d.t.Helper()
	c := d.ask(client, port, admitted)
	d.opened(c, func() {})
	return c
}

func TestAdmissionLimits(t *testing.T) {
	d := newDesk(t, 2, 3, 4)
	c := d.ask("10.8.0.2", 1, admitted)
	d.ask("10.8.0.2", 1, underWay)
	d.opened(c, func() {})
	d.open("10.8.0.2", 2)
	third := d.open("10.8.0.2", 3)
	d.ask("10.8.0.2", 4, tooMany)
	d.ask("10.8.0.3", 1, admitted)
	d.ask("10.8.0.4", 1, tooMany)
	d.ended(third)
	d.ask("10.8.0.4", 1, admitted)
	if d.count() != 2 {
		t.Errorf("%d open", d.count())
	}
}

// TestAttemptsThatProgramsGaveUp: a client that has as many attempts under way as
// it may can open one more at once. The displaced attempt is the one whose SYN was
// repeated longest ago, because a waiting program repeats its SYN.
func TestAttemptsThatProgramsGaveUp(t *testing.T) {
	d := newDesk(t, 2, 10, 10)
	waited, gaveUp := d.ask("10.8.0.2", 1, admitted), d.ask("10.8.0.2", 2, admitted)
	d.ask("10.8.0.2", 1, underWay) // its SYN again
	other := d.ask("10.8.0.3", 1, admitted)
	d.ask("10.8.0.2", 3, admitted)
	if gaveUp.opening.Err() == nil || waited.opening.Err() != nil || other.opening.Err() != nil {
		t.Error("displaced:", gaveUp.opening.Err(), waited.opening.Err(), other.opening.Err())
	}
	// Until the displaced attempt has ended, a SYN for it starts nothing.
	d.ask("10.8.0.2", 2, underWay)
	d.ended(gaveUp)
	d.ask("10.8.0.2", 2, admitted)
}

// TestHalfClosedMakeRoom: half-closed connections do not keep a client from
// opening others, and go in the order they were half-closed.
func TestHalfClosedMakeRoom(t *testing.T) {
	d := newDesk(t, 10, 2, 10)
	ends := make(chan string, 2)
	for i, name := range []string{"first", "second"} {
		c := d.ask("10.8.0.2", uint16(i), admitted)
		d.opened(c, func() { ends <- name; d.ended(c) })
		defer d.halfClosed(c)
		if i == 1 {
			d.ask("10.8.0.2", 9, tooMany)
			d.halfClosed(c)
		}
	}
	d.ask("10.8.0.2", 9, admitted)
	if got := <-ends; got != "second" {
		t.Errorf("%s ended", got)
	}
}

// TestPaceOfAttempts: a client may open so many a second after a burst; others
// are not held up by it.
func TestPaceOfAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := desk{newAdmission(1000, 1000, 1000, newPace(10, 20), newBudget(1<<30, 1<<30)), t}
		for i := range 20 {
			d.ask("10.8.0.2", uint16(i), admitted)
		}
		d.ask("10.8.0.2", 100, tooFast)
		d.ask("10.8.0.3", 100, admitted)
		time.Sleep(100 * time.Millisecond)
		d.ask("10.8.0.2", 100, admitted)
		d.ask("10.8.0.2", 101, tooFast)
	})
}

// TestPaceForgets: what is kept about idle clients does not grow for ever.
func TestPaceForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1, 2)
		a := netip.MustParseAddr("10.0.0.0")
		for range 20 * paceSweep {
			a = a.Next()
			p.allow(a)
			time.Sleep(100 * time.Millisecond)
		}
		if len(p.client) > 2*paceSweep {
			t.Errorf("%d clients kept", len(p.client))
		}
	})
}

func TestBudget(t *testing.T) {
	a, b := netip.MustParseAddr("10.8.0.2"), netip.MustParseAddr("10.8.0.3")
	budget := newBudget(60, 100)
	first := openAccount(budget, a, 40)
	if first.grow(6) || !first.grow(5) {
		t.Error("a client may grow to three quarters of what it may have")
	}
	if openAccount(budget, a, 16) != nil {
		t.Error("a client has more than it may")
	}
	second := openAccount(budget, b, 30)
	if second.grow(1) || openAccount(budget, b, 26) != nil {
		t.Error("all have more than they may")
	}
	first.close()
	first.close()
	if first.grow(1) {
		t.Error("what is closed grows")
	}
	second.close()
	if budget.total != 0 || len(budget.client) != 0 {
		t.Errorf("%d left, %v", budget.total, budget.client)
	}
}

// TestGauge: a buffer doubles while what it holds passes within a second.
func TestGauge(t *testing.T) {
	budget := newBudget(1<<20, 1<<20)
	account := openAccount(budget, netip.Addr{}, connCost)
	g := gauge{size: bufferBase}
	now := time.Unix(1000, 0)
	pass := func(n int64, after time.Duration) int64 {
		now = now.Add(after)
		return g.passed(n, now, account)
	}
	if got := pass(bufferBase-1, 0); got != 0 {
		t.Errorf("grows to %d though it was not filled", got)
	}
	if got := pass(1, 1100*time.Millisecond); got != 0 {
		t.Errorf("grows to %d for a trickle", got)
	}
	want := int64(bufferBase)
	for range 4 { // 512 KiB
		if want *= 2; pass(want/2, time.Millisecond) != want {
			t.Fatalf("has %d, want %d", g.size, want)
		}
	}
	if got := pass(1<<20, time.Millisecond); got != 0 {
		t.Errorf("grows to %d without a budget", got)
	}
}
