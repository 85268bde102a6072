//go:build !linux

package process

// AdoptsOrphans reports whether orphans become children of this process: on Linux alone.
func AdoptsOrphans() bool { return false }

// BesideOrphans runs f.
func BesideOrphans(f func()) { f() }
