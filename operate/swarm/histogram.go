package swarm

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"strings"
	"sync/atomic"
	"time"
)

// Histogram counts durations in classes, eight for each doubling. The zero value
// is empty. Any number of goroutines may add to it.
type Histogram struct {
	classes [64 * 8]atomic.Uint64
	count   atomic.Uint64
}

// class returns the number of d's class.
func class(d time.Duration) int {
	n := uint64(max(d, 1))
	exponent := bits.Len64(n) - 1
	if exponent < 3 {
		return int(n)
	}
	return (exponent-2)<<3 | int(n>>(exponent-3))&7
}

// upper returns the upper bound of a class.
func upper(class int) time.Duration {
	if class < 8 {
		return time.Duration(class)
	}
	shift, part := class>>3-1, class&7
	return time.Duration(uint64(part+9)<<shift) - 1
}

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	h.classes[class(d)].Add(1)
	h.count.Add(1)
}

// Count returns the number of durations.
func (h *Histogram) Count() uint64 { return h.count.Load() }

// Quantile returns the duration that a share q of all do not exceed, rounded up to
// the bound of its class. It is 0 if the histogram is empty.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := max(uint64(q*float64(h.Count())+0.5), 1)
	var seen uint64
	for c := range h.classes {
		if seen += h.classes[c].Load(); seen >= want {
			return upper(c)
		}
	}
	return 0
}

// bar is the length of the longest bar in Lines, in characters.
const bar = 40

// Lines draws the histogram, a line for each doubling.
func (h *Histogram) Lines() (lines []string) {
	var octaves [64]uint64
	var most uint64
	first, last := len(octaves), -1
	for c := range h.classes {
		n := h.classes[c].Load()
		if n == 0 {
			continue
		}
		o := bits.Len64(uint64(upper(c))) - 1
		octaves[o] += n
		most, first, last = max(most, octaves[o]), min(first, o), max(last, o)
	}
	for o := first; o <= last; o++ {
		length := int((octaves[o]*bar + most - 1) / most)
		lines = append(lines, fmt.Sprintf("%9s to %-9s %8d %s", Round(1<<o), Round(2<<o), octaves[o], strings.Repeat("#", length)))
	}
	return lines
}

// Round rounds a duration to three digits.
func Round(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// MarshalJSON returns the count, and quantiles in seconds.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]float64{
		"count": float64(h.Count()), "p10": h.Quantile(0.1).Seconds(), "median": h.Quantile(0.5).Seconds(),
		"p90": h.Quantile(0.9).Seconds(), "p99": h.Quantile(0.99).Seconds(), "max": h.Quantile(1).Seconds(),
	})
}
