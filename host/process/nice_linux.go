package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// SetNice changes the priority of this process, of all its threads: in Linux each has its
// own, and a new one has that of the thread that starts it. n is from -20, the most
// favoured, to 19.
func SetNice(n int) error {
	done := map[int]bool{}
	for {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("nice %d: %w", n, err)
		}
		before := len(done)
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[id] {
				continue
			}
			err = unix.Setpriority(unix.PRIO_PROCESS, id, n)
			if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return fmt.Errorf("nice %d: %w; only root may be favoured over others: start it as root, or remove the line", n, err)
			}
			done[id] = true
		}
		if len(done) == before { // no thread is new
			return nil
		}
	}
}
