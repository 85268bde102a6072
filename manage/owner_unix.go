//go:build unix

package manage

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

const (
	addressInUse      = syscall.EADDRINUSE
	connectionRefused = syscall.ECONNREFUSED
)

// userSuffix parts the users of a common temporary directory.
func userSuffix() string { return "-" + strconv.Itoa(os.Getuid()) }

// owned tells whether a file is this user's, and nobody else may write it.
func owned(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}
