package privsep

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"time"

	"culvert/access/crl"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/host/process"
)

// Options are what a keeper is given.
type Options struct {
	Log *slog.Logger
	// Apply changes this host.
	Apply func(ctx context.Context, want hostnet.State) (bringup.Applied, error)
	// Check reads the configuration again and tells what is wrong with it, so
	// that a reload does not end a tunnel that works.
	Check func() error
	// Ready is called when the worker's tunnel is up. An error ends the worker.
	Ready func() error
	// Reads is asked for what a worker that is about to start may read; nil:
	// nothing.
	Reads func() Reads
	// Forget removes the socket for the command line that a worker of a name
	// left; nil: none is left.
	Forget func(name string)
}

// Reads is what a worker has its keeper read.
type Reads struct {
	// Lists are the revocation lists; nil: the worker reads them.
	Lists crl.Source
	// File reads a file of the configuration, and refuses others; nil: all.
	File func(name string) ([]byte, error)
}

// Run starts this program again as a worker and keeps it until it ends. What
// it leaves changed on this host is taken back then. A reload ends the worker
// and starts another, which begins as root again. The error says why the
// worker failed.
func Run(o Options) error {
	events, stop := process.Events()
	defer stop()
	for {
		again, err := once(o, events)
		if err != nil || !again {
			return err
		}
		o.Log.Info("starting over with the configuration as it is now")
	}
}

// once keeps one worker.
func once(o Options, events <-chan process.Event) (again bool, err error) {
	conn, loans, cmd, err := start()
	if err != nil {
		return false, fmt.Errorf("start the process without root's rights: %w", err)
	}
	defer loans.Close()
	go enlargeAll(loans)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	forward := make(chan process.Event)
	k := &Keeper{ctx: ctx, log: o.Log, apply: o.Apply, ready: o.Ready, events: forward, gone: make(chan struct{})}
	served := make(chan struct{})
	go func() { defer close(served); k.serve(conn) }()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if o.Reads != nil {
		k.reads = o.Reads()
	}
	again = k.watch(o, events, forward, ended, cmd, cancel)
	close(k.gone)
	<-served
	conn.Close()
	if err := k.Undo(Empty{}, nil); err != nil {
		o.Log.Error("not everything could be taken back; `culvert cleanup` tries again", "error", err)
	}
	if k.local != "" && o.Forget != nil {
		o.Forget(k.local)
	}
	if s := cmd.ProcessState; k.failure == nil && (s == nil || !s.Success()) {
		k.failure = fmt.Errorf("the process without root's rights ended: %v", s)
	}
	return again, k.failure
}

// watch passes events on until the worker ends, and tells whether it was asked
// to end for another to start. One that ends stops what is under way for it.
func (k *Keeper) watch(o Options, events <-chan process.Event, forward chan<- process.Event, ended <-chan error, cmd *exec.Cmd, stop func()) (again bool) {
	var queue []process.Event
	for {
		var out chan<- process.Event
		var first process.Event
		if len(queue) > 0 {
			out, first = forward, queue[0]
		}
		select {
		case err := <-ended:
			if cmd.ProcessState == nil {
				o.Log.Error("waiting for the process without root's rights", "error", err)
			}
			return again
		case out <- first:
			queue = queue[1:]
		case e := <-events:
			if e == process.Reload {
				if err := o.Check(); err != nil {
					o.Log.Error("the configuration is faulty, so everything stays as it is", "error", err)
					continue
				}
				again, e = true, process.Exit
			} else if e == process.Exit {
				again = false
			}
			if e == process.Exit {
				stop()
			}
			queue = append(queue, e)
		}
	}
}

// start runs this program once more, with two sockets to here: for its calls, and
// for sockets that it wants larger buffers for.
func start() (near net.Conn, loans net.Conn, cmd *exec.Cmd, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	near, far, err := socketPair(stream)
	if err != nil {
		return nil, nil, nil, err
	}
	defer far.Close()
	loans, borrower, err := socketPair(packets)
	if err != nil {
		near.Close()
		return nil, nil, nil, err
	}
	defer borrower.Close()
	cmd = exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.ExtraFiles = []*os.File{far, borrower}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		near.Close()
		loans.Close()
		return nil, nil, nil, err
	}
	return near, loans, cmd, nil
}
