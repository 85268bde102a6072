package hooks

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"time"
)

// Ask is Run for a program that reads a question from its standard input and writes the
// answer to descriptor 3, which are not for other eyes. The answer has at most as many
// bytes as most says; of a longer one it is the beginning, with one byte more.
func (p *Program) Ask(ctx context.Context, source netip.Prefix, env *Env, question []byte, most int) (answer []byte, status int, err error) {
	status, _, err = p.run(ctx, source, env, nil, func(cmd *exec.Cmd) error {
		var err error
		answer, err = converse(cmd, question, most)
		return err
	})
	return answer, status, err
}

// converse runs a command to its end.
func converse(cmd *exec.Cmd, question []byte, most int) (answer []byte, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.ExtraFiles = bytes.NewReader(question), []*os.File{w}
	cmd.WaitDelay = lateOutput // who it leaves running may hold its input
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		answer, _ = io.ReadAll(io.LimitReader(r, int64(most)+1))
		r.Close() // who writes more must not wait
	}()
	awaitEnd(cmd.Process.Pid)
	err = cmd.Wait()
	r.SetReadDeadline(time.Now().Add(lateOutput)) // it wrote before it ended; somebody else may hold the pipe
	<-read
	return answer, err
}
