//go:build !unix

package process

import (
	"io/fs"
	"os"
)

// Create is os.OpenFile: on this system each user has a temporary directory of
// their own.
func Create(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
