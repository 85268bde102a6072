// Package count counts what happens for one of a few reasons, such as packets
// that are dropped.
package count

import (
	"fmt"
	"sync/atomic"
)

// Reason is an enumeration whose values are 0 to Max-1.
type Reason interface {
	~int
	fmt.Stringer
}

// Max is how many reasons there may be of one kind.
const Max = 32

// Reasons are counters, one for each reason. The zero value is ready, and any
// number of goroutines may use it.
type Reasons[R Reason] struct{ n [Max]atomic.Uint64 }

// Add counts one.
func (c *Reasons[R]) Add(why R) { c.n[why].Add(1) }

// AddN counts n at once.
func (c *Reasons[R]) AddN(why R, n int) { c.n[why].Add(uint64(n)) }

// Of returns the count for one reason.
func (c *Reasons[R]) Of(why R) uint64 { return c.n[why].Load() }

// Snapshot returns the counts that are not zero, by the reason's name.
func (c *Reasons[R]) Snapshot() map[string]uint64 {
	seen := make(map[string]uint64)
	for i := range c.n {
		if n := c.n[i].Load(); n > 0 {
			seen[R(i).String()] = n
		}
	}
	return seen
}
