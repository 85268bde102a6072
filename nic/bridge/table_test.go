package bridge

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"culvert/nic/frame"
)

var start = time.Unix(1e9, 0)

// mac is the nth station.
func mac(n int) frame.MAC { return frame.MAC{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)} }

// learned fails unless Learn comes to want.
func learned[P comparable](t *testing.T, table *Table[P], now time.Time, station int, port P, want Outcome) {
	t.Helper()
	if got, _ := table.Learn(now, 0, mac(station), port); got != want {
		t.Errorf("learning %d at %v: %d, want %d", station, port, got, want)
	}
}

// behind fails unless a station is behind port, "" for none.
func behind(t *testing.T, table *Table[string], now time.Time, station int, port string) {
	t.Helper()
	if got, ok := table.Lookup(now, 0, mac(station)); got != port || ok != (port != "") {
		t.Errorf("%d is behind %q (%v), want %q", station, got, ok, port)
	}
}

func TestLearnAgeForget(t *testing.T) {
	table, now := NewTable(Limits[string]{}), start
	behind(t, table, now, 1, "")
	learned(t, table, now, 1, "a", New)
	learned(t, table, now, 1, "a", Known)
	behind(t, table, now, 1, "a")
	if _, ok := table.Lookup(now, 7, mac(1)); ok {
		t.Error("an address is known in a VLAN it was not seen in")
	}
	now = now.Add(DefaultAge)
	learned(t, table, now, 1, "a", Known)
	now = now.Add(DefaultAge)
	behind(t, table, now, 1, "a")
	now = now.Add(time.Second)
	behind(t, table, now, 1, "")
	learned(t, table, now, 1, "a", Known)
	behind(t, table, now, 1, "a")
	table.Forget("a")
	behind(t, table, now, 1, "")
	table.Forget("a")
}

// TestMoves: an address that is in use cannot be taken; one that fell silent
// can; a pinned one never.
func TestMoves(t *testing.T) {
	table, now := NewTable(Limits[string]{}), start
	learned(t, table, now, 1, "a", New)
	for range 10 {
		now = now.Add(DefaultHold / 2)
		learned(t, table, now, 1, "b", Held)
		learned(t, table, now, 1, "a", Known)
	}
	behind(t, table, now, 1, "a")
	now = now.Add(DefaultHold)
	if o, before := table.Learn(now, 0, mac(1), "b"); o != Moved || before != "a" {
		t.Errorf("moved from %q, outcome %d", before, o)
	}
	behind(t, table, now, 1, "b")
	table.Forget("a")
	behind(t, table, now, 1, "b")

	table.Pin(0, mac(1), "c")
	now = now.Add(10 * DefaultAge)
	learned(t, table, now, 1, "b", Held)
	behind(t, table, now, 1, "c")
	table.Pin(0, mac(1), "d")
	table.Forget("c")
	behind(t, table, now, 1, "d")
	table.Forget("d")
	learned(t, table, now, 1, "b", New)
}

// TestClockSetBack: no address is kept from its station until the clock has caught
// up, nor thought to be where it was.
func TestClockSetBack(t *testing.T) {
	table := NewTable(Limits[string]{})
	learned(t, table, start, 1, "a", New)
	learned(t, table, start, 2, "a", New)
	back := start.Add(-time.Hour)
	behind(t, table, back, 1, "")
	learned(t, table, back, 1, "b", Moved)
	learned(t, table, back, 2, "a", Known)
	learned(t, table, back.Add(time.Second), 2, "b", Held)
	learned(t, table, back.Add(time.Second-time.Millisecond), 2, "b", Held) // of a batch begun before
}

// TestFloodOfAddresses: a port that shows more than it may loses its own
// oldest, by use and not by age alone, and no other port's.
func TestFloodOfAddresses(t *testing.T) {
	limits := Limits[string]{PerPort: 10, PortLimit: func(p string) int {
		if p == "lan" {
			return 100
		}
		return 0
	}}
	table, now := NewTable(limits), start
	learned(t, table, now, 1000, "quiet", New)
	for i := range 100 {
		now = now.Add(time.Second)
		learned(t, table, now, i, "flood", New)
		table.Learn(now, 0, mac(0), "flood")
		learned(t, table, now, 2000+i, "lan", New)
	}
	behind(t, table, now, 1000, "quiet")
	behind(t, table, now, 0, "flood")
	behind(t, table, now, 90, "")
	behind(t, table, now, 91, "flood")
	behind(t, table, now, 2000, "lan")
	if n := table.byAddr.Size(); n != 1+10+100 {
		t.Errorf("%d addresses", n)
	}
}

func TestTotal(t *testing.T) {
	table, now := NewTable(Limits[string]{Total: 4}), start
	for i := range 10 {
		now = now.Add(time.Second)
		learned(t, table, now, i, "hog", New)
	}
	for i, port := range []string{"a", "b", "c"} {
		learned(t, table, now, 100+i, port, New)
	}
	behind(t, table, now, 9, "hog")
	learned(t, table, now, 200, "d", Full)
	behind(t, table, now, 200, "")
	learned(t, table, now, 10, "hog", New) // its own takes the place of its own
	behind(t, table, now, 9, "")
	for i, port := range []string{"a", "b", "c"} {
		behind(t, table, now, 100+i, port)
	}
	now = now.Add(2 * DefaultAge)
	learned(t, table, now, 200, "d", New) // all others have aged
	if n := table.byAddr.Size(); n != 1 {
		t.Errorf("%d addresses after all but one have aged", n)
	}
}

// TestZeroPort: the zero port is a port like any other.
func TestZeroPort(t *testing.T) {
	table := NewTable(Limits[int]{Total: 2})
	learned(t, table, start, 1, 0, New)
	learned(t, table, start, 2, 1, New)
	learned(t, table, start, 3, 2, Full)
	if _, ok := table.Lookup(start, 0, mac(1)); !ok {
		t.Error("port 0 lost its last address")
	}
}

func TestEach(t *testing.T) {
	table := NewTable(Limits[string]{})
	table.Learn(start, 5, mac(1), "a")
	table.Pin(6, mac(2), "b")
	seen := make(map[string]bool)
	table.Each(start, func(vlan uint16, m frame.MAC, port string, at time.Time) bool {
		seen[fmt.Sprintln(vlan, m, port, at.IsZero())] = true
		return true
	})
	if len(seen) != 2 || !seen["5 02:00:00:00:00:01 a false\n"] || !seen["6 02:00:00:00:00:02 b true\n"] {
		t.Errorf("%v", seen)
	}
}

// TestSeenIsNotedSeldom: the time of an address's last frame is at most refresh
// old, and not always updated.
func TestSeenIsNotedSeldom(t *testing.T) {
	table := NewTable(Limits[string]{})
	learned(t, table, start, 1, "a", New)
	for _, c := range []struct{ after, seen time.Duration }{{refresh, 0}, {refresh + 1, refresh + 1}, {2*refresh + 1, refresh + 1}, {2*refresh + 2, 2*refresh + 2}} {
		learned(t, table, start.Add(c.after), 1, "a", Known)
		table.Each(start, func(_ uint16, _ frame.MAC, _ string, seen time.Time) bool {
			if got := seen.Sub(start); got != c.seen {
				t.Errorf("after %v it was last seen at %v, want %v", c.after, got, c.seen)
			}
			return true
		})
	}
}

// TestPinnedElsewhere: a port that loses one pinned address has its others still.
func TestPinnedElsewhere(t *testing.T) {
	table := NewTable(Limits[string]{})
	table.Pin(0, mac(1), "a")
	table.Pin(0, mac(2), "a")
	table.Pin(0, mac(1), "b")
	behind(t, table, start, 1, "b")
	behind(t, table, start, 2, "a")
	table.Forget("a")
	behind(t, table, start, 1, "b")
	behind(t, table, start, 2, "")
}

// TestTogether makes ports fight for the same addresses while others look; the race
// detector watches, and the table must be consistent.
func TestTogether(t *testing.T) {
	table := NewTable(Limits[int]{Total: 50, PerPort: 20, Hold: 1})
	var all sync.WaitGroup
	for port := range 4 {
		all.Go(func() {
			for i := range 5000 {
				now := start.Add(time.Duration(i) * time.Second)
				table.Learn(now, 0, mac(i*(port+1)%97), port)
				table.Lookup(now, 0, mac(i%97))
				if i%1000 == 999 {
					table.Forget(port)
				}
			}
		})
	}
	all.Wait()
	n, known := 0, 0
	for port := range 4 {
		n += table.count(port)
	}
	for _, e := range table.byAddr.All() {
		for ; e != nil; e = e.earlier {
			known++
		}
	}
	if n != known || table.byAddr.Size() > 50 {
		t.Errorf("ports have %d, the table %d of %d addresses", n, known, table.byAddr.Size())
	}
}

func TestStorm(t *testing.T) {
	storm, passed := NewStorm(0), 0
	for i := range 100000 { // ten seconds
		if storm.AllowN(start.Add(time.Duration(i)*100*time.Microsecond), 1) {
			passed++
		}
	}
	if passed < 9*DefaultFlood || passed > 11*DefaultFlood {
		t.Errorf("%d frames of a storm passed in 10 s", passed)
	}
}

func BenchmarkLearnLookup(b *testing.B) {
	table := NewTable(Limits[int]{})
	for i := range 1000 {
		table.Learn(start, 0, mac(i), i%16)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Learn(start, 0, mac(i%1000), i%1000%16)
		table.Lookup(start, 0, mac((i+1)%1000))
	}
}
