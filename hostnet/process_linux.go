package hostnet

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func thisProcess() (owner, error) {
	pid := os.Getpid()
	start, err := startOf(pid)
	if err != nil {
		return owner{}, fmt.Errorf("tell this process from others: %w; is /proc mounted?", err)
	}
	return owner{PID: pid, Start: start}, nil
}

// alive tells whether the very process still runs. One that has ended and
// only waits for its parent has no more use for its changes.
func (o owner) alive() bool {
	start, err := startOf(o.PID)
	return err == nil && start == o.Start
}

// Fields of /proc/PID/stat after the command's name (proc(5), 3 and 22).
const (
	statState = 0
	statStart = 19
)

// startOf gives the boot and the clock tick in which a process was started.
func startOf(pid int) (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) <= statStart || bytes.ContainsAny(f[statState], "ZX") {
		return "", os.ErrProcessDone
	}
	return string(bytes.TrimSpace(boot)) + "/" + string(f[statStart]), nil
}

// networkNamespace is the number of the calling thread's.
func networkNamespace() (string, error) {
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return "", fmt.Errorf("tell this network namespace from others: %w; is /proc mounted?", err)
	}
	return strings.Trim(link, "net:[]"), nil
}

// lockDir keeps other processes off the journals and off what they share.
// The lock goes with the process.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", meaningFile(err))
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock state directory %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// readOwn reads a regular file that this user or root owns and nobody else
// may write.
func readOwn(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || int(st.Uid) != os.Geteuid() && st.Uid != 0 {
		return nil, fmt.Errorf("not trusted: it must be a plain file that only its owner, this user, may write (mode %v); remove it if it is not yours", info.Mode())
	}
	return io.ReadAll(f)
}
