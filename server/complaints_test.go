package server_test

import (
	"strings"
	"testing"
	"time"

	"culvert/internal/simnet"
)

// TestPermanentFault: a client that refuses its server, which nothing mends but
// people, and whose other address is silent, tries at growing intervals, and says
// why once in full each, and then in a line a minute at most.
func TestPermanentFault(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		w.serve("")
		c := w.dial("anna", "verify-x509-name somebody name\nconnect-retry 1 300")
		time.Sleep(10 * time.Minute)
		log := c.log.String()
		full, brief := strings.Count(log, "msg=\"not connected\""), strings.Count(log, "still not connected")
		if full != 2 || brief < 3 || brief > 10 {
			t.Errorf("told %d times in full and %d in brief", full, brief)
		}
		if n := strings.Count(log, "still connecting"); n != 1 {
			t.Errorf("said %d times how far it came", n)
		}
		if n := strings.Count(log, "msg=connecting"); n < 6 || n > 9 {
			t.Errorf("%d tries in ten minutes", n)
		}
	})
}
