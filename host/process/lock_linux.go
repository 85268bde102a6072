package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// LockMemory keeps this process's memory from being swapped out, what it has and what it
// will have. As root it lifts the limit on locked memory first, for the workers that it
// starts, too. rights says that the process keeps root's rights, for which no limit holds.
// Without them there must be none: memory that grows beyond it is refused, which ends the
// Go runtime.
//
// Pages are locked when they are first used (MCL_ONFAULT): the runtime reserves far more
// than it uses.
func LockMemory(rights bool) error {
	const mend = "start it as root, or with systemd add LimitMEMLOCK=infinity"
	raised := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit)
	if err == nil && limit.Cur != unix.RLIM_INFINITY && !(rights && Privileged()) {
		return fmt.Errorf("mlock: without root's rights this process may lock %d KiB of memory only, and would end when it needs more (%w); %s", limit.Cur>>10, raised, mend)
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("mlock: memory cannot be locked: %w; %s", err, mend)
	}
	return nil
}
