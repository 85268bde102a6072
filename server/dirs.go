package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"culvert/config"
)

// checkDirs looks whether the directories are there that are needed when
// clients come, which is in a chroot where one is to be entered.
func checkDirs(c *config.Config) error {
	for _, d := range []struct{ directive, name string }{
		{"client-config-dir", c.ClientConfigDir},
		{"tmp-dir", c.TmpDir},
	} {
		if d.name == "" || isDir(d.name) == nil || c.Chroot != "" && isDir(filepath.Join(c.Chroot, d.name)) == nil {
			continue
		}
		return fmt.Errorf("%s: %w; make the directory, or remove the line", d.directive, isDir(d.name))
	}
	return nil
}

func isDir(name string) error {
	info, err := os.Stat(name)
	if err == nil && !info.IsDir() {
		err = &os.PathError{Op: "open", Path: name, Err: errors.New("not a directory")}
	}
	return err
}
