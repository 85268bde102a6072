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

// Create is os.OpenFile for a file to be written to that a configuration names.
// Where other users may write in its directory, as in /tmp, they could have laid
// out a link or a file there first: there only a plain file of this user's or
// root's is taken, and no link.
func Create(name string, flag int, perm fs.FileMode) (*os.File, error) {
	if !sharedDir(filepath.Dir(name)) {
		return os.OpenFile(name, flag, perm)
	}
	f, err := os.OpenFile(name, flag&^os.O_TRUNC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, perm)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link, in a directory where others may write: name a file in one of your own", name)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !ownFile(info) {
		err = fmt.Errorf("%s is another user's, in a directory where others may write: name a file in one of your own, or remove it", name)
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

// sharedDir reports a directory that other users may write to.
func sharedDir(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir() && info.Mode().Perm()&0o022 != 0
}

// ownFile reports a plain file with one name, of this user's or root's.
func ownFile(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().IsRegular() && st.Nlink == 1 && (int(st.Uid) == os.Geteuid() || st.Uid == 0)
}
