package service

import (
	"os"
	"runtime/debug"

	"culvert/host/process"
)

// boundMemory keeps the collector below the memory that this process's control groups
// allow, unless GOMEMLIMIT is set.
func boundMemory() {
	limit := process.MemoryLimit()
	if limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}
