package service

import (
	"fmt"
	"log/slog"
	"runtime"

	"culvert/config"
	"culvert/host/process"
)

// tasks says how this process lives with a limit of processes and threads.
type tasks struct {
	all  process.TaskLimit // for this process, with all that it starts
	user process.TaskLimit // for a worker, once it is not root's
}

// The threads that a process of each kind needs if there may be few: measured, what the
// runtime began while it carried packets with one processor. They begin at once, so that
// none has to begin when the system would refuse it, which ends a Go program. What is left
// is for the programs of the configuration.
const (
	keeperThreads = 5
	workerThreads = 5
	wholeThreads  = 5 // a process that is both
)

// pamTasks are what a program that stays to ask PAM needs: its own, and one that asks.
const pamTasks = 2

// programTasks is how many tasks a program should find: a shell with a pipeline.
const programTasks = 5

// isAlone reports whether a server is to give up its rights without a keeper, as OpenVPN
// does, since two processes would leave no tasks for its programs. It changes nothing on this
// host then but its own device. What a client sets besides, a router, and what the plugin
// down-root runs take root at the end. thin and root say what this process is.
func (l *life) isAlone(c *config.Config, jail process.Jail, thin, root bool) bool {
	return thin && l.worker == nil && root && jail.Chroot == "" && jail.Identity.UID > 0 &&
		c.Mode == config.ModeServer && !l.Forward && c.Hooks.DownRoot == nil && l.crowded()
}

// crowded reports whether two processes would leave too few tasks for programs.
func (l *life) crowded() bool { return l.tasks.all.Left < keeperThreads+workerThreads+programTasks }

// boundTasks makes this process live within the limits that it is under. The error
// names the limit that is too low for that.
func (l *life) boundTasks(c *config.Config, jail process.Jail) error {
	l.tasks = tasks{all: process.Tasks(), user: process.UserTasks()}
	if !process.IsThin() || l.worker != nil {
		return nil
	}
	l.alone = l.isAlone(c, jail, process.IsThin(), process.Privileged())
	keeps := !jail.Empty() && process.Privileged() && !l.alone
	need := wholeThreads
	switch {
	case keeps:
		need = keeperThreads + workerThreads
	case l.alone && len(pamServices(c)) > 0:
		need += pamTasks
	}
	own := 0
	if process.AdoptsOrphans() {
		own = 1 // the thread for that does nothing else
		need += own
	}
	if l.tasks.all.Left < need {
		return fmt.Errorf("only %v: this program needs %d: %s", l.tasks.all, need, l.tasks.all.Mend)
	}
	if keeps {
		process.ReserveThreads(keeperThreads + own)
	} else {
		process.ReserveThreads(wholeThreads + own)
	}
	return nil
}

// reserve begins a worker's threads while it may.
func (t tasks) reserve() {
	if process.IsThin() {
		process.ReserveThreads(workerThreads)
	}
}

// crowdsOut warns of programs for which a keeper and its worker leave no tasks.
func (l *life) crowdsOut(c *config.Config) {
	if process.IsThin() && l.crowded() && len(c.Programs()) > 0 {
		l.log.Warn("this process, and the one with the rights of its user, leave too few tasks for programs, which may fail", "limit", l.tasks.all, "mend", l.tasks.all.Mend)
	}
}

// note logs a limit that programs of the configuration may meet.
func (t tasks) note(log *slog.Logger) {
	if t.all.Few(runtime.NumCPU()) {
		log.Info("few tasks are allowed here, so this process uses one processor, and few programs can run at a time", "limit", t.all, "mend", t.all.Mend)
	}
}
