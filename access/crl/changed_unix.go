//go:build unix

package crl

import (
	"time"

	"golang.org/x/sys/unix"
)

// changeTime is when a file, or its times, were changed last, which nobody can set
// back; zero where that cannot be said.
func changeTime(path string) time.Time {
	var s unix.Stat_t
	if unix.Stat(path, &s) != nil {
		return time.Time{}
	}
	return time.Unix(s.Ctim.Unix())
}
