package process

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// AdoptsOrphans reports whether this process is the first of its PID namespace, as in a
// container: what programs leave running becomes its child, and somebody has to wait for it
// when it ends (pid_namespaces(7)).
func AdoptsOrphans() bool { return os.Getpid() == 1 }

// orphansPause is how often ended orphans are waited for.
const orphansPause = 2 * time.Second

// BesideOrphans runs f and returns when it does, and waits meanwhile for orphans that have
// ended: the calling goroutine does nothing else. It has to be the main one, locked to its
// thread by an init function before anything is started (runtime.LockOSThread). Linux gives
// orphans to the main thread, and what this process starts itself is the child of another
// thread, so that os/exec alone waits for that.
func BesideOrphans(f func()) { beside(f, orphansPause) }

func beside(f func(), pause time.Duration) {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	again := time.NewTicker(pause)
	defer again.Stop()
	for {
		select {
		case <-done:
			return
		case <-again.C:
			reap()
		}
	}
}

// reap waits for all children of this thread that have ended.
func reap() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WNOTHREAD, nil)
		if pid <= 0 && err != unix.EINTR {
			return
		}
	}
}
