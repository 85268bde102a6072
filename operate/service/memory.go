package service

import (
	"os"
	"runtime/debug"

	"culvert/host/process"
)

// boundMemory has the collector stay below the memory that this process's
// control groups leave it, unless GOMEMLIMIT says otherwise.
func boundMemory() {
	limit := process.MemoryLimit()
	if limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}
