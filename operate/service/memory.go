package service

import (
	"os"
	"runtime/debug"

	"culvert/config"
	"culvert/host/process"
)

// weigh carries out `nice` and `mlock`. rights says that this process keeps root's
// rights. A priority that it may not have is no reason not to run.
func (l *life) weigh(c *config.Config, rights bool) error {
	if n := c.Process.Nice; n != 0 {
		if err := process.SetNice(n); err != nil {
			l.log.Warn(err.Error())
		}
	}
	if c.Process.LockMemory {
		return process.LockMemory(rights)
	}
	return nil
}

// boundMemory keeps the collector below the memory that this process's control groups
// allow, unless GOMEMLIMIT is set.
func boundMemory() {
	limit := process.MemoryLimit()
	if limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}
