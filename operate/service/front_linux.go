package service

import "golang.org/x/sys/unix"

// inFront reports whether this process is in the foreground of a terminal: the one whose
// keys a shell has left to it. Where that cannot be asked, as without a shell, it is.
func inFront(fd int) bool {
	group, err := unix.IoctlGetUint32(fd, unix.TIOCGPGRP)
	return err != nil || int(group) == unix.Getpgrp()
}
