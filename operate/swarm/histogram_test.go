package swarm

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestClasses: every duration is within the bounds of its class, and a class is
// an eighth wide.
func TestClasses(t *testing.T) {
	for d := time.Duration(1); d < 400*24*time.Hour; d += d/100 + 1 {
		c := class(d)
		if upper(c) < d || c > 8 && upper(c-1) >= d {
			t.Fatalf("%v is in class %d, up to %v and past %v", d, c, upper(c), upper(c-1))
		}
		if width := upper(c) - d; width > d/8 {
			t.Fatalf("%v counts as up to %v", d, upper(c))
		}
	}
	if class(-1) != class(1) || class(0) != class(1) {
		t.Error("a clock that steps back is not counted as no time")
	}
}

func TestQuantiles(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Lines() != nil {
		t.Error("an empty histogram shows something")
	}
	for i := range 1000 {
		h.Add(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.1: 100 * time.Millisecond, 0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := h.Quantile(q); got < want || got > want+want/8 {
			t.Errorf("quantile %v is %v, want %v to an eighth more", q, got, want)
		}
	}
	if lines := h.Lines(); len(lines) != 11 || strings.Count(lines[10], "#") > bar {
		t.Errorf("drawn as\n%s", strings.Join(lines, "\n"))
	}
	text, err := json.Marshal(&h)
	var out map[string]float64
	if err != nil || json.Unmarshal(text, &out) != nil || out["count"] != 1000 || out["max"] < 1 {
		t.Errorf("as JSON %s, %v", text, err)
	}
}
