package share

import (
	"runtime"
	"slices"
	"testing"
)

// TestParts: all ranges together are the whole, in order, and none is empty.
func TestParts(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, processors := range []int{1, 2, 3, 8} {
		runtime.GOMAXPROCS(processors)
		for n := range 20 {
			all := make([]int, n)
			for i := range all {
				all[i] = i
			}
			parts := Parts(n, func(from, to int) []int { return all[from:to] })
			empty := slices.ContainsFunc(parts, func(part []int) bool { return len(part) == 0 })
			if got := slices.Concat(parts...); !slices.Equal(got, all) || empty || len(parts) != min(n, processors) {
				t.Errorf("%d of %d processors: %v", n, processors, parts)
			}
		}
	}
}
