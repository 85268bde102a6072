package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"culvert/config"
	"culvert/host/process"
)

// checkDirs fails if a directory that is needed when clients come is missing below
// root, which is the directory of a chroot that will be entered, or "".
func checkDirs(c *config.Config, root string) error {
	for _, d := range []struct{ directive, name string }{
		{"client-config-dir", c.Server.ClientConfigDir},
		{"tmp-dir", c.Process.TmpDir},
	} {
		if d.name == "" {
			continue
		}
		name := d.name
		if root != "" {
			name = filepath.Join(root, name)
		}
		if err := isDir(name); err != nil {
			return fmt.Errorf("%s: %w; make the directory, or remove the line", d.directive, err)
		}
	}
	return nil
}

// rootOf returns the directory that will be the root of a server's file names, "" for
// the system's.
func rootOf(c *config.Config) string {
	if process.Privileged() {
		return c.Process.Chroot
	}
	return "" // nobody else can enter it
}

func isDir(name string) error {
	info, err := os.Stat(name)
	if err == nil && !info.IsDir() {
		err = &os.PathError{Op: "open", Path: name, Err: errors.New("not a directory")}
	}
	return err
}
