package mute

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTally counts a hundred events a second for two minutes: they are said
// three times, and all of them.
func TestTally(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []int
		new(Tally).Stop() // nothing was counted
		var tally Tally
		var mu sync.Mutex
		say := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, n)
		}
		for range 12_000 {
			tally.Count(say)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		sum := 0
		for _, n := range said {
			sum += n
		}
		if len(said) != 3 || sum != 12_000 {
			t.Errorf("said %v", said)
		}
		tally.Count(say)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !slices.Equal(said[3:], []int{1}) {
			t.Errorf("one event after a while: said %v", said[3:])
		}
		tally.Count(say)
		tally.Stop()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(said) != 4 {
			t.Errorf("said after the end: %v", said[4:])
		}
	})
}
