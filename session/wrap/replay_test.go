package wrap

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	type step struct {
		id, time uint32
		ok       bool
	}
	for name, steps := range map[string][]step{
		"in order":       {{1, 5, true}, {2, 5, true}, {3, 5, true}},
		"again":          {{1, 5, true}, {1, 5, false}},
		"late":           {{10, 5, true}, {4, 5, true}, {4, 5, false}, {5, 5, true}},
		"edge of window": {{100, 5, true}, {37, 5, true}, {36, 5, false}},
		"big step":       {{1, 5, true}, {66, 5, true}, {1, 5, false}, {65, 5, true}, {3, 5, true}},
		"later time":     {{100, 5, true}, {1, 6, true}, {1, 6, false}, {101, 5, false}},
		"last id":        {{math.MaxUint32, 5, true}, {math.MaxUint32 - 1, 5, true}, {1, 5, false}, {0, 5, false}},
		"last time":      {{1, math.MaxUint32, true}, {1, 0, false}, {2, math.MaxUint32, true}},
	} {
		var w window
		for i, s := range steps {
			if got := w.accept(s.id, s.time); got != s.ok {
				t.Errorf("%s: step %d: id %d at %d: %v, want %v", name, i, s.id, s.time, got, s.ok)
			}
		}
	}
}

// The window agrees with a set of all ids seen.
func TestWindowAgainstSet(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var w window
	seen := map[uint32]bool{}
	var newest uint32
	for range 20_000 {
		id := 1 + newest - min(newest, rng.Uint32N(80)) + rng.Uint32N(40)
		want := !seen[id] && (id > newest || newest-id < windowSize)
		if got := w.accept(id, 9); got != want {
			t.Fatalf("id %d with newest %d: %v, want %v", id, newest, got, want)
		}
		seen[id] = seen[id] || want
		newest = max(newest, id)
	}
}

func TestCounter(t *testing.T) {
	c := counter{id: math.MaxUint32 - 1}
	at := func(sec int64) [2]uint32 {
		id, tm := parseReplay(c.append(nil, time.Unix(sec, 0)))
		return [2]uint32{id, tm}
	}
	for i, s := range []struct {
		now  int64
		want [2]uint32
	}{
		{100, [2]uint32{math.MaxUint32 - 1, 100}},
		{150, [2]uint32{math.MaxUint32, 100}},
		{90, [2]uint32{1, 101}}, // the clock went back, the time does not
		{200, [2]uint32{2, 101}},
	} {
		if got := at(s.now); got != s.want {
			t.Errorf("packet %d: %v, want %v", i, got, s.want)
		}
	}
	c = counter{time: 100}
	if got, want := at(300), [2]uint32{1, 300}; got != want {
		t.Errorf("after the last id: %v, want %v", got, want)
	}
}
