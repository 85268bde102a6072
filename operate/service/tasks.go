package service

import (
	"fmt"
	"log/slog"
	"runtime"

	"culvert/host/process"
)

// tasks says how this process lives with a limit of processes and threads.
type tasks struct {
	all  process.TaskLimit // for this process, with all that it starts
	user process.TaskLimit // for a worker, once it is not root's
}

// The threads that a process of each kind needs if there may be few: measured, what the
// runtime began under load while it had one processor. Those that carry packets begin
// theirs at once, so that none has to begin when the system would refuse it, which ends
// a Go program. What is left is for the programs of the configuration.
const (
	keeperThreads = 5
	workerThreads = 5
	wholeThreads  = 5 // a process that is both
)

// boundTasks makes this process live within the limits that it is under. The error
// names the limit that is too low for that.
func (l *life) boundTasks(jail process.Jail) error {
	l.tasks = tasks{all: process.Tasks(), user: process.UserTasks()}
	if !process.IsThin() || l.worker != nil {
		return nil
	}
	keeps := !jail.Empty() && process.Privileged()
	need := wholeThreads
	if keeps {
		need = keeperThreads + workerThreads
	}
	if l.tasks.all.Left < need {
		return fmt.Errorf("only %v: this program needs %d for its threads: %s", l.tasks.all, need, l.tasks.all.Mend)
	}
	if !keeps {
		process.ReserveThreads(wholeThreads)
	}
	return nil
}

// reserve begins a worker's threads while it may.
func (t tasks) reserve() {
	if process.IsThin() {
		process.ReserveThreads(workerThreads)
	}
}

// note logs a limit that programs of the configuration may meet.
func (t tasks) note(log *slog.Logger) {
	if t.all.Few(runtime.NumCPU()) {
		log.Info("few tasks are allowed here, so this process uses one processor, and few programs can run at a time", "limit", t.all, "mend", t.all.Mend)
	}
}
