//go:build !unix

package manage

import "io/fs"

// owned is left to the system's own rules for a user's temporary directory.
func owned(fs.FileInfo) bool { return true }
