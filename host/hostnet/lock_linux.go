package hostnet

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// holder names the process that holds the lock of a file, by /proc/locks (proc(5)).
func holder(f *os.File) string {
	info, err := f.Stat()
	if err != nil {
		return signed(f)
	}
	st := info.Sys().(*syscall.Stat_t)
	table, _ := os.ReadFile("/proc/locks")
	at := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino)
	if pid := lockedBy(table, at); pid != "" {
		comm, _ := os.ReadFile("/proc/" + pid + "/comm")
		return namedProcess(pid, string(bytes.TrimSpace(comm)))
	}
	return signed(f)
}

// lockedBy returns the number of the process that holds a lock by flock(2) at
// MAJOR:MINOR:INODE; "" if none can be seen from here.
func lockedBy(table []byte, at string) (pid string) {
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 5 && f[1] == "FLOCK" && f[5] == at && f[4] != "0" && f[4] != "-1" {
			return f[4]
		}
	}
	return ""
}
