package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// daemon is a culvert process on one of the hosts.
type daemon struct {
	*journal
	cmd  *exec.Cmd
	name string
	done chan struct{} // closed when the process has ended
	err  error         // its error; valid after done
}

// start runs the program on a host. onEnd is called when it has ended.
func (n *namespace) start(name string, onEnd func(error), argv ...string) (*daemon, error) {
	p := &daemon{journal: newJournal(), name: name, done: make(chan struct{})}
	p.cmd = exec.Command("ip", append([]string{"netns", "exec", n.name}, argv...)...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	// A network namespace does not separate a process from the host's resolver,
	// which takes name servers over the system bus.
	p.cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent")
	// in a process group of its own, so that only we stop it, in order
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
		onEnd(fmt.Errorf("the %s ended: %w", name, orNil(p.err)))
	}()
	return p, nil
}

type ended struct{}

func (ended) Error() string { return "exit status 0" }

func orNil(err error) error {
	if err == nil {
		return ended{}
	}
	return err
}

// await waits until the tunnel is up on this side.
func (p *daemon) await(ctx context.Context) error { return await(ctx, p.name, p.ready) }

// stop ends the process, and kills it if that takes too long. Calling it again
// returns the same error.
func (p *daemon) stop() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("the %s did not end within %v of SIGTERM, and was killed", p.name, patience)
	}
}

// used returns the processor time of a process that has ended.
func (p *daemon) used() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}
