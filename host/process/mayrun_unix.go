//go:build unix

package process

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// MayRun reports whether somebody may run a program, by the permissions of the
// file and the directories that lead to it.
func MayRun(program string, id Identity) bool {
	real, err := filepath.EvalSymlinks(program)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return true // that it is missing is said where it is used
	}
	for name := real; ; name = filepath.Dir(name) {
		info, err := os.Stat(name)
		if err != nil || !executable(info, id) {
			return false
		}
		if name == filepath.Dir(name) {
			return true
		}
	}
}

func executable(info fs.FileInfo, id Identity) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	bit := fs.FileMode(0o001)
	switch {
	case !ok:
		return false
	case id.UID == 0:
		bit = 0o111
	case int(st.Uid) == id.UID:
		bit = 0o100
	case int(st.Gid) == id.GID:
		bit = 0o010
	}
	return info.Mode().Perm()&bit != 0
}
