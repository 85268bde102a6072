package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"culvert/store"
)

// onDisk in the environment makes the test binary root of a namespace with mounts of its
// own.
const onDisk = "CULVERT_TEST_DISK"

// TestDisk: a full disk, a file system that can only be read, and a process that changes
// its root.
func TestDisk(t *testing.T) {
	if os.Getenv(onDisk) != "" {
		if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		t.Run("Full", testFull)
		t.Run("ReadOnly", testReadOnly)
		t.Run("Chroot", testChroot)
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^TestDisk$")
	c.Env = append(os.Environ(), onDisk+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// disk is a file system of a size.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// testFull: a commit for which there is no room fails in words and changes nothing; what
// is there can be read; and when there is room again, commits go on.
func testFull(t *testing.T) {
	dir := disk(t, "2m")
	path := filepath.Join(dir, File)
	s := opened(t, path)
	want := 0
	for round := range 3 {
		ballast := filepath.Join(dir, "ballast")
		if err := os.WriteFile(ballast, make([]byte, (700-300*round)<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		err := error(nil)
		for n := 0; err == nil && n < 1000; n++ {
			_, err = s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: fmt.Sprint("k/", want), Value: bytes.Repeat([]byte{byte(want)}, 9000)}}})
			if err == nil {
				want++
			}
		}
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room there") {
			t.Fatalf("round %d: %v", round, err)
		}
		if snap, err := s.List(t.Context(), ""); err != nil || len(snap.Entries) != want || int(snap.Revision) != want {
			t.Errorf("round %d, full: %d of %d at %d, %v", round, len(snap.Entries), want, snap.Revision, err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		put(t, s, fmt.Sprint("k/", want), "there is room")
		want++
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s = again(t, path)
	if snap, err := s.List(t.Context(), ""); err != nil || len(snap.Entries) != want || int(snap.Revision) != want {
		t.Errorf("%d of %d at %d, %v", len(snap.Entries), want, snap.Revision, err)
	}
	t.Logf("%d transactions around three times that the disk was full", want)
	for n := 0; ; n++ { // and where there is no room for an empty one, none is left
		if err := Create(filepath.Join(dir, fmt.Sprint("other", n))); err != nil {
			if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
				t.Error(err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
				t.Error(left)
			}
			return
		}
	}
}

func testReadOnly(t *testing.T) {
	dir := disk(t, "2m")
	path := filepath.Join(dir, File)
	s := opened(t, path)
	put(t, s, "a", "1")
	s.Close()
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	readOnly(t, path)
	if err := Create(filepath.Join(dir, "other")); !errors.Is(err, syscall.EROFS) {
		t.Error(err)
	}
}

// testChroot: a file that is open needs its path no more, not even to grow or to be copied.
func testChroot(t *testing.T) {
	dir := disk(t, "20m")
	s := opened(t, filepath.Join(dir, File))
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Chroot(empty); err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir("/"); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		put(t, s, fmt.Sprint(i), strings.Repeat("x", store.MaxValue))
	}
	var b bytes.Buffer
	if err := s.Backup(t.Context(), &b); err != nil || b.Len() < 8*store.MaxValue {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}
