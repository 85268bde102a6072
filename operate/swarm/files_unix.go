//go:build linux || darwin

package swarm

import (
	"fmt"
	"syscall"
)

// spareFiles is the number of files that are open beside the clients' sockets.
const spareFiles = 64

// reserveFiles makes sure that this process may open a socket for each client.
func reserveFiles(clients int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	want := uint64(clients + spareFiles)
	if limit.Cur >= want {
		return nil
	}
	raised := limit
	raised.Cur, raised.Max = want, max(limit.Max, want)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err != nil {
		return fmt.Errorf("%d clients need %d open files, but this process may have %d: raise the limit (ulimit -n %d; beyond the hard limit, as root) or use fewer clients (%w)",
			clients, want, limit.Cur, want, err)
	}
	return nil
}
