package auth

import (
	"context"
	"errors"
	"fmt"
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
}

// NewProgram looks whether a program is there to run. kind is the directive
// that names it; env is added to the environment of every run.
func NewProgram(kind string, command, env []string) (*Program, error) {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w; give the path of a program that this user may run", kind, command[0], err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, command[0], err)
	}
	common := append([]string{"PATH=" + os.Getenv("PATH"), "script_type=" + kind}, env...)
	return &Program{kind: kind, command: append([]string{path}, command[1:]...), common: common}, nil
}

// Run runs the program with further arguments and variables and returns its
// exit status. The error says that it could not run to its end.
func (p *Program) Run(ctx context.Context, env []string, args ...string) (status int, err error) {
	cmd := exec.CommandContext(ctx, p.command[0], append(append([]string(nil), p.command[1:]...), args...)...)
	cmd.Env = append(append([]string(nil), p.common...), env...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return -1, fmt.Errorf("%s %s: %w", p.kind, p.command[0], err)
	}
	return 0, nil
}

// Scratch is a directory of files for one run of a program, which nobody else
// may read.
type Scratch string

// NewScratch makes one below dir, the system's place for such when dir is "".
func NewScratch(dir string) (Scratch, error) {
	path, err := os.MkdirTemp(dir, "culvert-")
	if err != nil {
		return "", fmt.Errorf("tmp-dir: %w; name a directory that this user may write to", err)
	}
	return Scratch(path), nil
}

// Remove deletes the directory and all in it.
func (s Scratch) Remove() { os.RemoveAll(string(s)) }

// Path is the path of a file in it.
func (s Scratch) Path(name string) string { return filepath.Join(string(s), name) }

// Write makes a file in it.
func (s Scratch) Write(name, text string) error {
	return os.WriteFile(s.Path(name), []byte(text), 0o600)
}

// maxNote bounds what is read of a file that a program wrote, bytes.
const maxNote = 4096

// Read is what a program wrote into a file, cut at 4 KiB; "" when there is
// none.
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
