//go:build !linux

package process

import "fmt"

// LockMemory is for Linux alone.
func LockMemory(bool) error {
	return fmt.Errorf("mlock: %w: turn off swap or encrypt it, and remove the line", ErrUnsupported)
}

// SetNice is for Linux alone.
func SetNice(n int) error {
	return fmt.Errorf("nice %d: %w: start it with nice, and remove the line", n, ErrUnsupported)
}
