// Package share shares work out to all processors.
package share

import (
	"runtime"
	"sync"
)

// Parts calls f with ranges that together are 0 to n, follow each other and are about
// equal, each on a goroutine of its own, one a processor, and returns what f returned, in
// order. No range is empty.
func Parts[R any](n int, f func(from, to int) R) []R {
	results := make([]R, min(runtime.GOMAXPROCS(0), n))
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = f(n*i/len(results), n*(i+1)/len(results)) })
	}
	all.Wait()
	return results
}
