package bringup

import (
	"runtime/debug"
	"testing"
)

// TestStreamMemory: connections get half of little memory, and no more than by
// default of much.
func TestStreamMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(64 << 20))
	if got := streamMemory(); got != 32<<20 {
		t.Errorf("%d of 64 MiB", got)
	}
	debug.SetMemoryLimit(64 << 30)
	if got := streamMemory(); got != 0 {
		t.Errorf("%d of 64 GiB", got)
	}
}
