package setup

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// manyFiles is from how many on it takes less time to have a whole file system written,
// with what others have changed there, than to wait for each file alone.
const manyFiles = 500

// syncFiles returns when files in a directory are on the disk.
func syncFiles(dir string, files []string) error {
	if len(files) < manyFiles {
		return syncEach(files)
	}
	h, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(os.NewSyscallError("syncfs", unix.Syncfs(int(h.Fd()))), h.Close())
}
