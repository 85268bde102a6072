package bridge

import (
	"testing"
	"time"
)

// TestGivenBack: a port that takes a silent station's address loses it to the
// station's next frame, whatever else it does to keep it.
func TestGivenBack(t *testing.T) {
	type step struct {
		after time.Duration
		port  string
		want  Outcome
	}
	const soon = 500 * time.Millisecond
	taken := []step{{0, "a", New}, {DefaultHold, "b", Moved}, {soon, "b", Known}, {soon, "b", Known}}
	for name, test := range map[string]struct {
		steps []step
		then  string // who has it in the end
	}{
		"at once":              {[]step{{soon, "a", Returned}, {soon, "b", Held}, {soon, "a", Known}}, "a"},
		"again and again":      {[]step{{soon, "a", Returned}, {DefaultHold, "b", Moved}, {soon, "a", Returned}, {soon, "b", Held}}, "a"},
		"from an accomplice":   {[]step{{DefaultHold, "c", Moved}, {soon, "b", Held}, {soon, "a", Returned}, {soon, "c", Held}}, "a"},
		"not after its age":    {[]step{{DefaultAge, "b", Known}, {soon, "a", Held}, {soon, "b", Known}}, "b"},
		"the taker is the one": {[]step{{DefaultAge, "b", Known}, {DefaultHold, "c", Moved}, {soon, "a", Held}, {soon, "b", Returned}}, "b"},
		"to one of its rank":   {[]step{{DefaultHold, "lan", Moved}, {soon, "a", Held}, {DefaultHold, "b", Moved}, {soon, "lan", Returned}}, "lan"},
	} {
		t.Run(name, func(t *testing.T) {
			table, now := NewTable(Limits[string]{Rank: func(p string) int { return len(p) }}), start
			for _, s := range append(taken, test.steps...) {
				now = now.Add(s.after)
				learned(t, table, now, 1, s.port, s.want)
			}
			behind(t, table, now, 1, test.then)
		})
	}
}

// TestGivenBackByItself: a port cannot keep an address that it took by making the
// table forget the earlier port.
func TestGivenBackByItself(t *testing.T) {
	for name, forget := range map[string]func(*Table[string], time.Time){
		"leaves":         func(t *Table[string], _ time.Time) { t.Forget("b") },
		"shows too many": func(t *Table[string], now time.Time) { t.Learn(now, 0, mac(2), "b"); t.Learn(now, 0, mac(3), "b") },
	} {
		table, now := NewTable(Limits[string]{PerPort: 2}), start
		learned(t, table, now, 1, "a", New)
		now = now.Add(DefaultHold)
		learned(t, table, now, 1, "b", Moved)
		forget(table, now)
		behind(t, table, now, 1, "a")
		if o, _ := table.Learn(now.Add(time.Second), 0, mac(1), "a"); o != Known {
			t.Errorf("%s: the station's next frame: %d", name, o)
		}
	}
	table, now := NewTable(Limits[string]{Total: 3}), start
	learned(t, table, now, 1, "a", New)
	now = now.Add(DefaultHold)
	learned(t, table, now, 1, "b", Moved)
	for i := range 10 {
		learned(t, table, now.Add(time.Second), 10+i, "b", New)
	}
	behind(t, table, now, 1, "a")
	table.Forget("a")
	behind(t, table, now, 1, "")
}

// TestTake: a caller that knows better can move an address, but never a pinned one.
func TestTake(t *testing.T) {
	table := NewTable(Limits[string]{})
	learned(t, table, start, 1, "a", New)
	if !table.Take(start, 0, mac(1), "b") || table.Take(start, 0, mac(2), "b") {
		t.Error("taken what is not there, or not what is")
	}
	behind(t, table, start, 1, "b")
	if !table.Take(start, 0, mac(1), "a") {
		t.Error("not taken back")
	}
	behind(t, table, start, 1, "a")
	table.Pin(0, mac(1), "c")
	if table.Take(start, 0, mac(1), "b") {
		t.Error("took what is pinned")
	}
}
