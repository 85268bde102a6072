//go:build unix

package process

import (
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestInterruptBounces: interrupts that come together ask for one end in good order.
func TestInterruptBounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, out, done := make(chan os.Signal, 8), make(chan Event), make(chan struct{})
		defer close(done)
		go pass(signals, out, done)
		for range 3 {
			signals <- os.Interrupt
			time.Sleep(bounce / 3) // another exit status ends this test
		}
		if e := <-out; e != Exit {
			t.Errorf("%v, want %v", e, Exit)
		}
	})
}
