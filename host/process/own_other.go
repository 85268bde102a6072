//go:build !unix

package process

import (
	"io/fs"
	"os"
)

// Create is os.OpenFile: the temporary directory is a user's own here.
func Create(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
