package bolt

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// whoLocked names the process that has a lock on a file, such as "process 123 (culvert)";
// "": it is not known, as in another namespace of processes.
func whoLocked(f *os.File) string {
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return ""
	}
	pid := holder(string(locks), stat.Ino)
	if pid == "" {
		return ""
	}
	comm, err := os.ReadFile("/proc/" + pid + "/comm")
	if err != nil {
		return ""
	}
	return fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(string(comm)))
}

// holder finds in the text of /proc/locks the process that has the lock of a whole file;
// "": none.
//
//	1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
func holder(locks string, inode uint64) string {
	for line := range strings.Lines(locks) {
		f := strings.Fields(line)
		if len(f) > 5 && f[1] == "FLOCK" && strings.HasSuffix(f[5], fmt.Sprintf(":%d", inode)) {
			return f[4]
		}
	}
	return ""
}
