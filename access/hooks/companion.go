package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Companion is a program that runs beside this process and answers what it is asked. Make
// it with Program.Start. It has to end when it reads the end of its questions: it may have
// rights that this process has given up, so that nothing else can end it.
type Companion struct {
	// Questions is what it reads by descriptor 4, and Answers what it writes by
	// descriptor 3. Both take deadlines.
	Questions, Answers *os.File

	cmd   *exec.Cmd
	ended chan struct{} // closed when it has, and why is set
	why   error
}

// Start starts the program as a companion. Its standard input is empty, and what it
// prints goes to the log.
func (p *Program) Start(env *Env) (*Companion, error) {
	itsQuestions, questions, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", p, err)
	}
	answers, itsAnswers, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%v: %w", p, err), itsQuestions.Close(), questions.Close())
	}
	c := &Companion{Questions: questions, Answers: answers, cmd: exec.CommandContext(context.Background(), p.command[0], p.command[1:]...), ended: make(chan struct{})}
	group(c.cmd)
	c.cmd.Env = p.environment(env)
	c.cmd.ExtraFiles = []*os.File{itsAnswers, itsQuestions}
	out, err := newOutput(p.o.Log, p.directive)
	if err == nil {
		c.cmd.Stdout, c.cmd.Stderr = out.write, out.write
		if err = c.cmd.Start(); err != nil {
			out.end(context.Background())
		}
	}
	itsQuestions.Close()
	itsAnswers.Close()
	if err != nil {
		questions.Close()
		answers.Close()
		return nil, fmt.Errorf("%v: %w", p, err)
	}
	go func() {
		defer close(c.ended)
		awaitEnd(c.cmd.Process.Pid)
		if c.why = c.cmd.Wait(); c.why == nil {
			c.why = errors.New("exit status 0")
		}
		out.end(context.Background())
	}()
	return c, nil
}

// graceTime is how long a companion has to end when it is asked nothing more.
const graceTime = 5 * time.Second

// Close asks nothing more, which ends the companion, and returns how it ended, as far as
// that comes soon.
func (c *Companion) Close() error {
	c.Questions.Close()
	c.Answers.Close()
	late := time.NewTimer(graceTime)
	defer late.Stop()
	select {
	case <-c.ended:
		return c.why
	case <-late.C:
		return errors.New("it does not end")
	}
}
