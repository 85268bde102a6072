package profile

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestStatusTimes: at the start, at each interval, at the end.
func TestStatusTimes(t *testing.T) {
	for interval, want := range map[time.Duration]int{10 * time.Second: 5, 0: 2} {
		synctest.Test(t, func(t *testing.T) {
			end, ended, n := make(chan struct{}), make(chan struct{}), 0
			go func() { defer close(ended); keepStatus(interval, end, func() { n++ }) }()
			time.Sleep(35 * time.Second)
			close(end)
			<-ended
			if n != want {
				t.Errorf("every %v: written %d times in 35 s, want %d", interval, n, want)
			}
		})
	}
}
