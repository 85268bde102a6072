package pseudotty

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Open returns both ends of a new terminal: what is typed is written to master, and slave
// is what a program has as its own. master is closed at the test's end, and slave never:
// somebody may still read it then.
func Open(t testing.TB) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	keep(slave)
	return master, slave
}

var (
	mu   sync.Mutex
	kept []*os.File // so that none is closed as garbage
)

func keep(f *os.File) {
	mu.Lock()
	defer mu.Unlock()
	kept = append(kept, f)
}
