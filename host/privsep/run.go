package privsep

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/access/auth/pam"
	"culvert/access/crl"
	"culvert/access/hooks"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/host/process"
)

// Options are what a keeper is given.
type Options struct {
	Log *slog.Logger
	// Apply changes this host.
	Apply func(ctx context.Context, want hostnet.State) (bringup.Applied, error)
	// Manager started this process, and is told of what the worker does; nil: none.
	Manager *process.Manager
	// Check reads the configuration again and returns what is wrong with it, so
	// that a reload does not end a tunnel that works.
	// It reports whether the worker can take it while its sessions go on.
	Check func() (live bool, err error)
	// Ready is called when the worker's tunnel is up. An error ends the worker.
	Ready func() error
	// Reads is asked for what a worker may read and have done: one that begins, or one
	// that goes on with the configuration as it is now; nil: nothing.
	Reads func(begins bool) Reads
	// Forget removes the socket for the command line that a worker of a name
	// left; nil: none is left.
	Forget func(name string)
	// Record adds a line to the audit log; nil: there is none.
	Record func(line []byte) error
	// Account adds lines to the accounting log; nil: there is none.
	Account func(lines []byte) error
	// Asked is called when the user asks the process to end: this one, or the worker, which
	// says so; nil: nobody wants to know.
	Asked func()
	// Log is what the worker shows of this process's log; nil: nothing.
	Shown Shown
}

// Reads is what a worker has its keeper read.
type Reads struct {
	// Lists are the revocation lists; nil: the worker reads them.
	Lists crl.Source
	// Programs runs programs of the configuration, nil: none; Environment is what it
	// tells them by itself.
	Programs    Programs
	Environment *hooks.Env
	// PAM are its PAM services, by the place of their plugin in the configuration; nil for
	// what is none.
	PAM []pam.Asker
	// File reads a file of the configuration, and refuses others; nil: all.
	File func(name string) ([]byte, error)
	// Renew writes a client's next certificate into its file, as profile.Keeper; nil: it
	// is not renewed.
	Renew func(own, next, key []byte) error
}

// Run starts this program again as a worker and keeps it until it ends, which it
// is asked to when ctx ends. What it leaves changed on this host is undone then.
// Events are what signals to this process ask for. A reload ends the worker and
// starts another, which begins as root again. The error says why the worker failed.
func Run(ctx context.Context, events <-chan process.Event, o Options) error {
	for {
		again, err := once(ctx, events, o)
		if err != nil || !again {
			return err
		}
		o.Log.Info("starting over with the configuration as it is now")
	}
}

// once keeps one worker.
func once(caller context.Context, events <-chan process.Event, o Options) (again bool, err error) {
	conn, loans, cmd, err := start(o)
	if err != nil {
		return false, fmt.Errorf("cannot start the process without root's rights: %w", err)
	}
	defer loans.Close()
	go lendAll(loans)
	ctx, cancel := context.WithCancel(context.WithoutCancel(caller)) // it ends by an exit, in good order
	defer cancel()
	k := newKeeper(ctx, o)
	served := make(chan struct{})
	heard := &hearing{Conn: conn, closed: make(chan struct{})}
	go func() { defer close(served); k.serve(heard) }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-heard.closed // by its end, without a thread that waits
		cmd.Wait()
	}()
	again = k.watch(caller.Done(), events, ended, cancel)
	close(k.gone)
	<-served
	conn.Close()
	if err := k.Undo(Empty{}, nil); err != nil {
		o.Log.Error("not every change to this host could be undone; run `culvert cleanup` to try again", "error", err)
	}
	if k.local != "" && o.Forget != nil {
		o.Forget(k.local)
	}
	if s := cmd.ProcessState; k.failure == nil && (s == nil || !s.Success()) {
		k.failure = fmt.Errorf("the process without root's rights ended: %v", s)
	}
	return again, k.failure
}

// watch passes events on until the worker ended, and reports whether it was asked
// to end for another to start. One that ends stops what is under way for it.
func (k *Keeper) watch(caller <-chan struct{}, events <-chan process.Event, ended <-chan struct{}, stop func()) (again bool) {
	var queue []process.Event
	exit := func(reload bool) {
		again = reload
		stop()
		if reload {
			queue = append(queue, process.Yield)
		} else {
			k.Asked(Empty{}, nil)
			queue = append(queue, process.Exit)
		}
	}
	take := func(e process.Event) {
		switch e {
		case process.Reload:
			k.options.Manager.Reloading()
			live, err := k.options.Check()
			if err != nil {
				k.options.Manager.Reloaded()
				k.options.Log.Error("the configuration is faulty, so everything stays as it is", "error", err)
				return
			}
			if !live {
				exit(true)
				return
			}
			k.readFor(false)
			queue = append(queue, process.Adopt)
		case process.Exit:
			k.options.Manager.Stopping()
			exit(false)
		default:
			queue = append(queue, e)
		}
	}
	for {
		var out chan<- process.Event
		var first process.Event
		if len(queue) > 0 {
			out, first = k.events, queue[0]
		}
		select {
		case <-ended:
			return again
		case <-caller:
			caller = nil
			k.options.Manager.Stopping()
			exit(false)
		case out <- first:
			queue = queue[1:]
		case e := <-events:
			take(e)
		case <-k.reload:
			take(process.Reload)
		case <-k.anew:
			exit(true)
		}
	}
}

// start runs this program once more, with two sockets to here: for its calls, and
// for sockets that it wants larger buffers for.
func start(o Options) (near net.Conn, loans net.Conn, cmd *exec.Cmd, err error) {
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
	cmd = &exec.Cmd{Path: self, Args: os.Args} // under the name this was called by
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(workerEnviron(os.Environ()), mark+"=1", fmt.Sprintf("%s=%d", watchdogMark, o.Manager.Watchdog().Microseconds()))
	cmd.ExtraFiles = []*os.File{far, borrower}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		near.Close()
		loans.Close()
		return nil, nil, nil, err
	}
	return near, loans, cmd, nil
}

// workerEnviron is an environment without the service manager, which the keeper alone
// speaks to.
func workerEnviron(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "NOTIFY_SOCKET" || name == "WATCHDOG_USEC" || name == "WATCHDOG_PID"
	})
}

// hearing is a connection that tells when the other end has closed it.
type hearing struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (h *hearing) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if err != nil {
		h.once.Do(func() { close(h.closed) })
	}
	return n, err
}
