package hostnet

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

func thisProcess() (owner, error) {
	pid := os.Getpid()
	start, err := startOf(pid)
	if err != nil {
		return owner{}, fmt.Errorf("identify this process: %w; is /proc mounted?", err)
	}
	return owner{PID: pid, Start: start}, nil
}

// alive reports whether this same process still runs. One that has ended and only
// waits for its parent does not.
func (o owner) alive() bool {
	start, err := startOf(o.PID)
	return err == nil && start == o.Start
}

// Fields of /proc/PID/stat after the command's name (proc(5), 3 and 22).
const (
	statState = 0
	statStart = 19
)

// startOf returns the boot and the clock tick in which a process was started.
func startOf(pid int) (string, error) {
	boot, err := bootID()
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
	return boot + "/" + string(f[statStart]), nil
}
