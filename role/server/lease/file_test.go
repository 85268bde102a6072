package lease

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPoolIsSavedLater: what could not be written is, once it can be, though the
// pool has not changed since; the log says it once each way.
func TestPoolIsSavedLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	name := filepath.Join(dir, "ipp.txt")
	for what, first := range map[string]string{"cannot be opened": name, "cannot be written": "/dev/full"} {
		t.Run(what, func(t *testing.T) {
			defer os.RemoveAll(dir)
			var log bytes.Buffer
			p := poolOf(t, "server 10.8.0.0 255.255.255.0")
			f := &file{name: first, log: slog.New(slog.NewTextHandler(&log, nil))}
			f.openNow()
			acquire(t, p, "anna")
			for range 3 {
				f.save(p)
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if first != name { // the disk has room again
				f.close()
				f.name, f.open = name, nil
			}
			f.save(p)
			f.save(p)
			if text, err := os.ReadFile(name); err != nil || string(text) != "anna,10.8.0.2,\n" {
				t.Errorf("the file has %q, %v", text, err)
			}
			if failed, done := strings.Count(log.String(), "cannot be written"), strings.Count(log.String(), "written again"); failed != 1 || done != 1 {
				t.Errorf("said %d and %d times:\n%s", failed, done, log.String())
			}
			f.close()
		})
	}
}

// TestFileOverARestart: a name has its address again, a damaged line is left out
// with a word, and a file that is only to be read stays as it is.
func TestFileOverARestart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "ipp.txt")
	const before = "anna,10.8.0.9,\nbert,10.9.9.9,\n"
	if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{true, false} {
		var log bytes.Buffer
		p := poolOf(t, "server 10.8.0.0 255.255.255.0")
		f := &file{name: name, readOnly: readOnly, log: slog.New(slog.NewTextHandler(&log, nil))}
		f.load(p)
		if lease := acquire(t, p, "anna"); lease.IPv4 != addr("10.8.0.9") {
			t.Errorf("anna has %v", lease.IPv4)
		}
		if !strings.Contains(log.String(), "a line was left out") || !strings.Contains(log.String(), "bert") {
			t.Errorf("log: %s", log.String())
		}
		acquire(t, p, "cleo")
		f.save(p)
		f.close()
		if text, _ := os.ReadFile(name); (string(text) == before) != readOnly {
			t.Errorf("read only %v: %q", readOnly, text)
		}
	}
}
