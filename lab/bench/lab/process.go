//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a program at work on a host. Its output goes to a file of the lab.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error // once done is closed
}

// Start runs a program on the host until Stop or the lab's end.
func (h *Host) Start(name string, argv ...string) (*Process, error) {
	p := &Process{name: name, done: make(chan struct{})}
	p.log = filepath.Join(h.lab.Dir, fmt.Sprintf("%d-%s.log", len(h.lab.processes), name))
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command("ip", h.exec(argv)...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = out, out, h.lab.Dir
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	h.lab.processes = append(h.lab.processes, p)
	return p, nil
}

// Expect waits until the process has printed what matches.
func (p *Process) Expect(ctx context.Context, what *regexp.Regexp) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if what.Match(p.Log()) {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			if what.Match(p.Log()) {
				return nil
			}
			return fmt.Errorf("%s ended (%v) before it printed %q:\n%s", p.name, p.err, what, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s: %w before it printed %q:\n%s", p.name, ctx.Err(), what, p.tail())
		}
	}
}

// Log is what the process has printed.
func (p *Process) Log() []byte {
	text, _ := os.ReadFile(p.log)
	return text
}

// tail is the end of the log, for an error.
func (p *Process) tail() []byte {
	text := p.Log()
	return text[max(0, len(text)-2000):]
}

// Stop ends the process and waits for it. What does not leave is killed.
func (p *Process) Stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// Alive is nil while the process runs, else how it ended.
func (p *Process) Alive() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%v):\n%s", p.name, p.err, p.tail())
	default:
		return nil
	}
}

// clockTick is the unit of times in /proc (USER_HZ, proc(5)); it is the same
// on every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// CPU is the processor time that the process has used, in user space and in
// the kernel on its behalf.
func (p *Process) CPU() (time.Duration, error) {
	stat, err := p.proc("stat")
	if err != nil {
		return 0, err
	}
	// The second field, the name in parentheses, may hold spaces.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: cannot read /proc: %q", p.name, stat)
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(err1, err2)
}

// Resident is the memory the process has in use, in bytes.
func (p *Process) Resident() (int64, error) {
	status, err := p.proc("status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no VmRSS in /proc", p.name)
}

func (p *Process) proc(file string) ([]byte, error) {
	if err := p.Alive(); err != nil {
		return nil, err
	}
	return os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
}
