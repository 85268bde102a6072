package setup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestLockLasts: a lock that somebody holds does not look as one that was left, however long
// the signature takes.
func TestLockLasts(t *testing.T) {
	name := filepath.Join(t.TempDir(), "list")
	synctest.Test(t, func(t *testing.T) {
		unlock, err := lockFile(name, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * staleLock)
		synctest.Wait()
		info, err := os.Lstat(name + lockSuffix)
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(info.ModTime()); age < 0 || age > staleLock/2 {
			t.Errorf("it looks %v old", age)
		}
		unlock()
		if _, err := os.Lstat(name + lockSuffix); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after the end: %v", err)
		}
	})
}
