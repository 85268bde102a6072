//go:build darwin || freebsd || openbsd

package hostnet

import "os"

// holder is who holds the lock of a file.
func holder(f *os.File) string { return signed(f) }
