package server

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/config"
)

// TestPoolIsSavedLater: what could not be written is, once it can be, though the
// pool has not changed since; the log says it once each way.
func TestPoolIsSavedLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	file := filepath.Join(dir, "ipp.txt")
	for name, first := range map[string]string{"cannot be opened": file, "cannot be written": "/dev/full"} {
		t.Run(name, func(t *testing.T) {
			defer os.RemoveAll(dir)
			var log bytes.Buffer
			s := &Server{cfg: &config.Config{Server: config.Server{PoolPersist: first, PoolPersistInterval: time.Minute}},
				log: slog.New(slog.NewTextHandler(&log, nil)), pool: poolOf(t, "server 10.8.0.0 255.255.255.0")}
			s.openPool()
			acquire(t, s.pool, "anna")
			for range 3 {
				s.savePool()
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if first != file { // the disk has room again
				s.poolFile.file.Close()
				s.poolFile.name, s.poolFile.file = file, nil
			}
			s.savePool()
			s.savePool()
			if text, err := os.ReadFile(file); err != nil || string(text) != "anna,10.8.0.2,\n" {
				t.Errorf("the file has %q, %v", text, err)
			}
			if failed, done := strings.Count(log.String(), "cannot be written"), strings.Count(log.String(), "written again"); failed != 1 || done != 1 {
				t.Errorf("said %d and %d times:\n%s", failed, done, log.String())
			}
			s.poolFile.file.Close()
		})
	}
}
