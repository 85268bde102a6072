//go:build !linux

package setup

// syncFiles returns when files in a directory are on the disk.
func syncFiles(_ string, files []string) error { return syncEach(files) }
