package hooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Program is a program of the configuration, run without a shell. Make it with
// NewProgram.
type Program struct {
	directive string   // that names it
	command   []string // the path, and the arguments that stand behind it
	o         Options
}

// Options say how a program is run.
type Options struct {
	// Log gets what the program prints, line by line; nil: slog.Default().
	Log *slog.Logger
	// Slots makes each run wait for its turn; nil: it does not wait.
	Slots *Slots
	// Forbidden says why the program may not be run, and what to do; "": it may be. Each
	// run then fails with it, so that what depends on the program is refused.
	Forbidden string
	// Dir is the directory that it runs in (`cd`), if it is there: not below another root.
	// "": this process's.
	Dir string
}

// scriptTypes are the values of script_type that differ from the directive's name.
var scriptTypes = map[string]string{"auth-user-pass-verify": "user-pass-verify"}

// ScriptType returns what the program of a directive learns as script_type. Run sets it;
// as OpenVPN does, who names files to a program sets it before them.
func ScriptType(directive string) string {
	if t, ok := scriptTypes[directive]; ok {
		return t
	}
	return directive
}

// NewProgram fails if there is no such program to run. directive names it; command is
// the program and its first arguments. As with OpenVPN, a relative name is relative
// to the working directory, and $PATH is never searched.
func NewProgram(directive string, command []string, o Options) (*Program, error) {
	path, err := filepath.Abs(command[0])
	if err == nil {
		_, err = exec.LookPath(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w; %s", directive, command[0], err, whichProgram(command[0]))
	}
	return &Program{directive: directive, command: append([]string{path}, command[1:]...), o: o}, nil
}

// String is the program as messages name it: the directive, and the path.
func (p *Program) String() string { return p.directive + " " + p.command[0] }

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

// Run runs the program for a source, when it is its turn, with an environment and
// further arguments, and returns its exit status. It returns an error if the program
// did not run to its end. When ctx ends, the program is killed with all that it
// started; what it leaves running when it ends by itself goes on.
func (p *Program) Run(ctx context.Context, source netip.Prefix, env *Env, args ...string) (status int, err error) {
	status, _, err = p.RunGroup(ctx, source, env, args...)
	return status, err
}

// RunGroup is Run, and returns the group of all that the program started.
func (p *Program) RunGroup(ctx context.Context, source netip.Prefix, env *Env, args ...string) (status int, left Group, err error) {
	return p.run(ctx, source, env, args, func(cmd *exec.Cmd) error {
		err := cmd.Start()
		if err == nil {
			awaitEnd(cmd.Process.Pid)
			err = cmd.Wait()
		}
		return err
	})
}

// run is RunGroup, with how the program is run.
func (p *Program) run(ctx context.Context, source netip.Prefix, env *Env, args []string, run func(*exec.Cmd) error) (status int, left Group, err error) {
	if p.o.Forbidden != "" {
		return -1, 0, fmt.Errorf("%v: not run: %s", p, p.o.Forbidden)
	}
	if p.o.Slots != nil {
		release, err := p.o.Slots.Acquire(ctx, source)
		if err != nil {
			return -1, 0, fmt.Errorf("%v: not run, because too many others were waiting: %w", p, err)
		}
		defer release()
	}
	cmd := exec.CommandContext(ctx, p.command[0], append(append([]string(nil), p.command[1:]...), args...)...)
	group(cmd)
	cmd.Env = p.environment(env)
	if info, err := os.Stat(p.o.Dir); err == nil && info.IsDir() {
		cmd.Dir = p.o.Dir
	}
	out, err := newOutput(p.o.Log, p.directive)
	if err != nil {
		return -1, 0, fmt.Errorf("%v: %w", p, err)
	}
	cmd.Stdout, cmd.Stderr = out.write, out.write
	began := time.Now()
	err = run(cmd)
	out.end(ctx)
	if cmd.Process != nil {
		left = Group(cmd.Process.Pid)
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), left, nil
	case err != nil && ctx.Err() != nil:
		return -1, left, &OverdueError{What: p.String(), After: time.Since(began), Err: ctx.Err()}
	case err != nil:
		return -1, left, fmt.Errorf("%v: %w%s", p, err, whyNot(p.command[0], err))
	}
	return 0, left, nil
}

// environment returns the environment of a run. PATH is this process's: OpenVPN hands
// out none, and leaves it to each shell to guess one.
func (p *Program) environment(env *Env) []string {
	e := env.Clone()
	if t := ScriptType(p.directive); e.Get("script_type") != t {
		e.Set("script_type", t)
	}
	list := e.List()
	if path := os.Getenv("PATH"); path != "" && e.Get("PATH") == "" {
		list = append(list, "PATH="+path)
	}
	return list
}
