package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program runs a program of the configuration, without a shell. Make it with
// NewProgram.
type Program struct {
	kind    string // the directive, which the program learns as script_type
	command []string
	common  []string // variables for every run
	slots   *Slots   // nil: any number run at the same time
}

// Within makes each run of the program wait for one of the slots.
func (p *Program) Within(s *Slots) *Program {
	p.slots = s
	return p
}

// NewProgram fails if there is no such program to run. kind is the directive
// that names it; env is added to the environment of every run. As with OpenVPN,
// a relative name is relative to the working directory, and $PATH is never
// searched.
func NewProgram(kind string, command, env []string) (*Program, error) {
	path, err := filepath.Abs(command[0])
	if err == nil {
		_, err = exec.LookPath(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w; %s", kind, command[0], err, whichProgram(command[0]))
	}
	common := append([]string{"PATH=" + os.Getenv("PATH"), "script_type=" + kind}, env...)
	return &Program{kind: kind, command: append([]string{path}, command[1:]...), common: common}, nil
}

// whichProgram says what to write instead of the name of a program that cannot be
// found.
func whichProgram(name string) string {
	if path, err := exec.LookPath(name); err == nil && filepath.IsAbs(path) && path != name {
		return "a relative name is taken from the working directory; write " + path
	}
	if filepath.IsAbs(name) {
		return "write the path of a program that this user may run"
	}
	return "a relative name starts from the working directory: write the whole path, of a program that this user may run"
}

// Run runs the program for a source, when it is its turn, with further arguments
// and variables, and returns its exit status. It returns an error if the program
// did not run to its end. When ctx ends, the program is killed with all that it
// started.
func (p *Program) Run(ctx context.Context, source netip.Prefix, env []string, args ...string) (status int, err error) {
	status, _, err = p.run(ctx, source, env, args)
	return status, err
}

// run is Run; leader is the number of the program's process group, 0 if it was
// not started.
func (p *Program) run(ctx context.Context, source netip.Prefix, env, args []string) (status, leader int, err error) {
	if p.slots != nil {
		release, err := p.slots.Acquire(ctx, source)
		if err != nil {
			return -1, 0, fmt.Errorf("%s %s: not run, because too many others were waiting: %w", p.kind, p.command[0], err)
		}
		defer release()
	}
	cmd := exec.CommandContext(ctx, p.command[0], append(append([]string(nil), p.command[1:]...), args...)...)
	group(cmd)
	cmd.Env = append(append([]string(nil), p.common...), env...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	err = cmd.Run()
	if cmd.Process != nil {
		leader = cmd.Process.Pid
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), leader, nil
	case err != nil && ctx.Err() != nil:
		return -1, leader, fmt.Errorf("%s %s: stopped before it decided: %w", p.kind, p.command[0], ctx.Err())
	case err != nil:
		return -1, leader, fmt.Errorf("%s %s: %w", p.kind, p.command[0], err)
	}
	return 0, leader, nil
}

// Scratch is a directory of files for one run of a program, which nobody else
// may read.
type Scratch string

// NewScratch makes a directory below dir; "": the system's directory for temporary
// files.
func NewScratch(dir string) (Scratch, error) {
	path, err := os.MkdirTemp(dir, "culvert-")
	if err != nil {
		return "", fmt.Errorf("tmp-dir: %w; name a directory that this user may write to", err)
	}
	return Scratch(path), nil
}

// Remove deletes the directory and all in it.
func (s Scratch) Remove() { os.RemoveAll(string(s)) }

// Path returns the path of a file in the directory.
func (s Scratch) Path(name string) string { return filepath.Join(string(s), name) }

// Write makes a file in the directory.
func (s Scratch) Write(name, text string) error {
	return os.WriteFile(s.Path(name), []byte(text), 0o600)
}

// maxNote is how much is read of a file that a program wrote, in bytes.
const maxNote = 4096

// Read returns what a program wrote to a file, at most 4 KiB; "" if there is no
// such file.
func (s Scratch) Read(name string) string {
	f, err := os.Open(s.Path(name))
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, maxNote)
	n, _ := f.Read(b)
	return strings.TrimRight(string(b[:n]), "\r\n")
}
