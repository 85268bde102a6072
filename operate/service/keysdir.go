package service

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"culvert/operate/manage"
)

// keysDir returns where a server keeps keys.
func (o Options) keysDir() string {
	switch {
	case o.KeysDir != "":
		return o.KeysDir
	case o.StateDir != "" && o.StateDir != manage.DefaultDir():
		return o.StateDir
	}
	return lastingDir()
}

// lastingDir returns a directory that outlives a restart of the machine, which empties
// /run: the one that systemd made for a service (StateDirectory=), or else the
// system's or the user's.
func lastingDir() string {
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(dir) {
		return dir
	}
	if os.Geteuid() == 0 {
		if runtime.GOOS == "linux" {
			return "/var/lib/culvert"
		}
		return "/var/db/culvert"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "culvert")
	}
	if home, err := os.UserHomeDir(); err == nil && runtime.GOOS != "windows" {
		if info, err := os.Stat(home); err == nil && info.IsDir() && home != "/" {
			return filepath.Join(home, ".local", "state", "culvert")
		}
	}
	return manage.DefaultDir()
}
