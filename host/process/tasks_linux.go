package process

import (
	"os"
	"path"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Tasks returns the limit that holds for this process.
func Tasks() TaskLimit {
	limit := noTaskLimit
	if groups, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		limit = groupTasks(string(groups), threads(), func(name string) string {
			text, _ := os.ReadFile(path.Join("/sys/fs/cgroup", name))
			return string(text)
		})
	}
	if os.Geteuid() != 0 {
		limit = limit.fewer(UserTasks())
	}
	return limit
}

// UserTasks returns the limit that holds for this process once it is not root's: the
// kernel exempts root.
func UserTasks() TaskLimit {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &r); err != nil {
		return noTaskLimit
	}
	return userTasks(r.Cur)
}

// threads returns how many threads this process has.
func threads() int {
	list, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 1
	}
	return len(list)
}

// thin is whether this process is one: see BeThin.
var thin bool

// BeThin has this process make do with few threads if it may not have many: the runtime
// gets one processor, and Events takes signals without os/signal, which needs three
// threads. worker says that it will not be root's. Call it once, at the very start,
// before os/signal is used.
func BeThin(worker bool) {
	limit := Tasks()
	if worker {
		limit = limit.fewer(UserTasks())
	}
	if thin = limit.Few(runtime.NumCPU()); !thin {
		return
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	keepStandardStreams()
}

// IsThin reports whether this process is a thin one.
func IsThin() bool { return thin }

// keepStandardStreams has a write to a broken pipe fail and not end the process:
// os.File does that for the descriptors 1 and 2 alone.
func keepStandardStreams() {
	for _, stream := range []**os.File{&os.Stdout, &os.Stderr} {
		fd, err := unix.FcntlInt((*stream).Fd(), unix.F_DUPFD_CLOEXEC, 3)
		if err == nil {
			*stream = os.NewFile(uintptr(fd), (*stream).Name())
		}
	}
}

// reservePause is longer than the runtime takes to notice that a thread is blocked.
const reservePause = 15 * time.Millisecond

// ReserveThreads has the runtime begin threads until the process has n. The runtime
// keeps them, so that later it need not begin one where the system would refuse. All are
// idle when it returns, but for those that other goroutines block.
//
// It makes the runtime begin no more than n, as long as no other goroutine blocks a thread:
// the runtime may begin one more for each that does so meanwhile. Beside the threads that it
// blocks there are the runtime's monitor and the one that runs. While they are blocked it
// makes none of the system calls that the runtime knows of, since it would replace the
// thread that makes one.
func ReserveThreads(n int) {
	var pipe [2]int
	if threads() >= n || syscall.Pipe2(pipe[:], syscall.O_CLOEXEC) != nil {
		return
	}
	var blocked sync.WaitGroup
	for range n - 2 {
		blocked.Go(func() { syscall.Read(pipe[0], make([]byte, 1)) })
		time.Sleep(reservePause)
	}
	for range n {
		if quietThreads() >= n {
			break
		}
		time.Sleep(reservePause)
	}
	unix.RawSyscall(unix.SYS_CLOSE, uintptr(pipe[1]), 0, 0)
	blocked.Wait()
	syscall.Close(pipe[0])
}

// statusFile is proc_pid_status(5) of this process, as a system call takes its name.
var statusFile = []byte("/proc/self/status\x00")

// quietThreads returns how many threads this process has, without a system call that the
// runtime knows of; 0 where the kernel does not say.
func quietThreads() int {
	here := unix.AT_FDCWD
	fd, _, errno := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(here), uintptr(unsafe.Pointer(&statusFile[0])), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return 0
	}
	var text [4096]byte
	length, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	if errno != 0 {
		return 0
	}
	return threadsIn(text[:length])
}
