//go:build unix

package auth

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"culvert/access/hooks/hookstest"
)

// TestDeferredEnds: what was left to decide later ends with the client.
func TestDeferredEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "child")
	s := script(t, false, "sleep 1000 & echo $! > "+file+"; exit 2")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan Verdict, 1)
	go func() { done <- s.Check(ctx, new(Request), noPending(t)) }()
	pid := hookstest.Child(t, file)
	time.Sleep(3 * pollInterval / 2)
	cancel()
	if v := <-done; v.OK || v.Err == nil {
		t.Errorf("%+v", v)
	}
	hookstest.Ends(t, pid)
}
