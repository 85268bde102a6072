package process

import (
	"bytes"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
)

// TaskLimit is how many tasks, which are processes and threads, this process may have
// together with all that it starts.
type TaskLimit struct {
	// Left are the tasks that it has and may still begin; math.MaxInt for no limit.
	Left int
	// Name says where the limit is from, and Mend how to raise it.
	Name, Mend string
}

// Few reports whether the tasks are too few for a program that makes threads as it
// needs them: a Go program makes some for each processor and each call that blocks,
// and ends when the system refuses one.
func (l TaskLimit) Few(processors int) bool { return l.Left < 32+2*processors }

func (l TaskLimit) String() string {
	if l.Left == math.MaxInt {
		return "no limit"
	}
	return fmt.Sprintf("%d tasks, by %s", l.Left, l.Name)
}

var noTaskLimit = TaskLimit{Left: math.MaxInt}

// fewer is the stricter limit.
func (l TaskLimit) fewer(other TaskLimit) TaskLimit {
	if other.Left < l.Left {
		return other
	}
	return l
}

// raiseTasks is how to raise the limit of a control group, which systemd sets.
const raiseTasks = "raise TasksMax= of its unit (systemctl edit), or pids.max of its control group"

// groupTasks reads /proc/self/cgroup (cgroups(7)), and pids.max and pids.current of
// this process's group and of each one above it. own are the tasks of this process,
// which count among the current ones.
func groupTasks(groups string, own int, read func(name string) string) TaskLimit {
	limit := noTaskLimit
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		hierarchy := ""
		switch {
		case fields[0] == "0" && fields[1] == "":
		case fields[1] == "pids":
			hierarchy = "pids"
		default:
			continue
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			limit = limit.fewer(groupLimit(path.Join(hierarchy, group), own, read))
			if group == "/" {
				break
			}
		}
	}
	return limit
}

func groupLimit(group string, own int, read func(name string) string) TaskLimit {
	number := func(file string) (int, error) {
		return strconv.Atoi(strings.TrimSpace(read(path.Join(group, file))))
	}
	most, err := number("pids.max")
	if err != nil { // "max", or no such file
		return noTaskLimit
	}
	now, err := number("pids.current")
	if err != nil || now < own {
		now = own
	}
	return TaskLimit{Left: max(0, most-now) + own, Name: fmt.Sprintf("pids.max (TasksMax) of the control group %s", group), Mend: raiseTasks}
}

// userTasks is the limit for a user (RLIMIT_NPROC, getrlimit(2)).
func userTasks(most uint64) TaskLimit {
	if most >= 1<<31 {
		return noTaskLimit
	}
	return TaskLimit{Left: int(most), Name: "RLIMIT_NPROC (LimitNPROC), which counts all tasks of its user", Mend: "raise LimitNPROC= of its unit (systemctl edit), or ulimit -u; give each tunnel a user of its own"}
}

// threadsIn returns how many threads a process has by its proc_pid_status(5); 0 if that
// does not say.
func threadsIn(status []byte) int {
	_, after, _ := bytes.Cut(status, []byte("\nThreads:"))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	n, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
