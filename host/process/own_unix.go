//go:build unix

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Create is os.OpenFile for a file that a configuration names and that is to be
// written. If other users can write to its directory, as to /tmp, they could have
// put a link or a file there first: it then takes only a regular file of this
// user's or root's, and no link.
func Create(name string, flag int, perm fs.FileMode) (*os.File, error) {
	if !sharedDir(filepath.Dir(name)) {
		return os.OpenFile(name, flag, perm)
	}
	f, err := os.OpenFile(name, flag&^os.O_TRUNC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, perm)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link in a directory that others can write to; name a file in a directory of your own", name)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !ownFile(info) {
		err = fmt.Errorf("%s belongs to another user and is in a directory that others can write to; remove it, or name a file in a directory of your own", name)
	}
	if err == nil && flag&os.O_TRUNC != 0 {
		err = f.Truncate(0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sharedDir reports whether other users may write to a directory.
func sharedDir(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir() && info.Mode().Perm()&0o022 != 0
}

// ownFile reports whether a file is a regular one with a single name, and this
// user's or root's.
func ownFile(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().IsRegular() && st.Nlink == 1 && (int(st.Uid) == os.Geteuid() || st.Uid == 0)
}
