package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/operate/manage"
)

// TestKeysOutliveAReboot: keys are where init's directory is, or where it was said,
// and never in a directory that is empty after a reboot.
func TestKeysOutliveAReboot(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", t.TempDir())
	for _, o := range []Options{{}, {StateDir: manage.DefaultDir()}} {
		dir := o.keysDir()
		if !filepath.IsAbs(dir) || strings.HasPrefix(dir, "/run/") || dir == manage.DefaultDir() {
			t.Errorf("%+v: %s", o, dir)
		}
	}
	for want, o := range map[string]Options{
		"/etc/culvert": {KeysDir: "/etc/culvert", StateDir: "/srv/state"},
		"/srv/state":   {StateDir: "/srv/state"},
	} {
		if got := o.keysDir(); got != want {
			t.Errorf("%+v: %s", o, got)
		}
	}
	t.Setenv("STATE_DIRECTORY", "/var/lib/vpn:/var/lib/other")
	if got := (Options{}).keysDir(); got != "/var/lib/vpn" {
		t.Errorf("with systemd's StateDirectory: %s", got)
	}
	if os.Geteuid() != 0 {
		t.Setenv("STATE_DIRECTORY", "")
		t.Setenv("XDG_STATE_HOME", "/home/a/state")
		if got := (Options{}).keysDir(); got != "/home/a/state/culvert" {
			t.Errorf("with XDG_STATE_HOME: %s", got)
		}
	}
}
