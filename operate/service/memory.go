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

// streamMemory is what connections in user space may take: half of what the
// process may, by its control groups or GOMEMLIMIT; 0, the default, where
// nothing bounds it or the default is less.
func streamMemory() int64 {
	const plenty = 1 << 30 // twice the default of userstack
	if limit := debug.SetMemoryLimit(-1); limit < plenty {
		return limit / 2
	}
	return 0
}
