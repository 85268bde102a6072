//go:build unix

package crl

import (
	"time"

	"golang.org/x/sys/unix"
)

// changeTime returns when a file, or its times, last changed; zero if that cannot
// be found out. Nobody can set this time back.
func changeTime(path string) time.Time {
	var s unix.Stat_t
	if unix.Stat(path, &s) != nil {
		return time.Time{}
	}
	return time.Unix(s.Ctim.Unix())
}
