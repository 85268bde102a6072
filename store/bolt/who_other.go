//go:build unix && !linux

package bolt

import "os"

// whoLocked is not known here.
func whoLocked(*os.File) string { return "" }
