package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/config"
)

// TestMissingDirectories: each is told with its line, and that of cd alone,
// since no other file is found for it.
func TestMissingDirectories(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const base = "client\nremote a\nca x\nauth-user-pass\n"
	for text, wants := range map[string][]string{
		"cd " + none + "\nca missing\ntmp-dir " + none:             {"c.conf:5: cd: "},
		"tmp-dir " + none + "\nstatus " + none + "/status 10":      {"c.conf:5: tmp-dir: ", "c.conf:6: status: "},
		"tmp-dir " + filepath.Join(dir, "file"):                    {"not a directory"},
		"replay-persist " + none + "/replay":                       {"c.conf:5: replay-persist: "},
		"verb x\nstatus " + none + "/status":                       {"c.conf:5: verb", "c.conf:6: status: "},
		"tls-export-cert " + none:                                  {"c.conf:5: tls-export-cert: "},
		"chroot " + dir + "\ntls-export-cert " + none:              nil,
		"cd " + dir + "\nstatus status\ntmp-dir .":                 nil,
		"status " + none + "/status\ntls-auth " + none + "/ta.key": {"c.conf:6: tls-auth", "c.conf:5: status: "},
	} {
		read := func(name string) ([]byte, error) {
			if strings.Contains(name, "none") {
				return nil, os.ErrNotExist
			}
			return []byte("-----BEGIN x"), nil
		}
		_, err := checked(func() (*config.Config, error) { return config.ParseFile("c.conf", []byte(base+text), read) })()
		lines := 0
		if err != nil {
			lines = strings.Count(err.Error(), "\n") + 1
		}
		if lines != len(wants) && !strings.Contains(text, "file") {
			t.Errorf("%s: %d faults: %v", text, lines, err)
		}
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", text, err, want)
			}
		}
	}
}
