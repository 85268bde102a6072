package process

import "os"

// Lend is what another process, which has the rights that this one gave up, does
// for it. A nil function means that there is no such process. Set it before there
// is a second goroutine.
var Lend struct {
	// PID is that process's number, which users know; 0: there is none.
	PID int
	// Read reads a file that the configuration names.
	Read func(name string) ([]byte, error)
}

// PID returns the number by which users know this process: its own, or that of the one
// which has its rights.
func PID() int {
	if Lend.PID != 0 {
		return Lend.PID
	}
	return os.Getpid()
}
