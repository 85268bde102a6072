package privsep

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/rpc"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"culvert/access/crl"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/host/process"
)

// Worker is a worker's connection to its keeper.
type Worker struct {
	client   *rpc.Client
	watchdog int64         // in microseconds
	asked    atomic.Uint64 // logins
}

// IsWorker reports whether this process was started as a worker, until Started.
func IsWorker() bool { return os.Getenv(mark) != "" }

// Started connects this process to its keeper if it was started as a worker; in any
// other process w is nil. From then on, signals are the keeper's. Call it once, before
// other descriptors are opened or programs are started.
func Started() (w *Worker, err error) {
	if os.Getenv(mark) == "" {
		return nil, nil
	}
	os.Unsetenv(mark)
	process.IgnoreSignals()
	conn, err := inherited(socketFD)
	if err != nil {
		return nil, err
	}
	loans, err := inherited(loansFD)
	if err != nil {
		return nil, err
	}
	w = newWorker(conn)
	w.watchdog, _ = strconv.ParseInt(os.Getenv(watchdogMark), 10, 64)
	os.Unsetenv(watchdogMark)
	process.Lend.Read, process.Lend.PID = w.read, os.Getppid()
	borrow(loans)
	return w, nil
}

func inherited(fd uintptr) (net.Conn, error) {
	file := os.NewFile(fd, "keeper")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the process that started this one: %w", err)
	}
	return conn, nil
}

func newWorker(conn net.Conn) *Worker { return &Worker{client: rpc.NewClient(conn)} }

// Manager stands for the service manager: what it is told goes by the keeper, which
// passes on a status and that all is well.
func (w *Worker) Manager() *process.Manager {
	tell := func(state string) { _ = w.client.Call(service+".Tell", state, &Empty{}) }
	return process.ManagerTo(tell, time.Duration(w.watchdog)*time.Microsecond)
}

// Events returns what the keeper's signals ask for. It is closed when the keeper is
// gone.
func (w *Worker) Events() <-chan process.Event {
	events := make(chan process.Event)
	go func() {
		defer close(events)
		for {
			var e process.Event
			if w.client.Call(service+".Event", Empty{}, &e) != nil {
				return
			}
			events <- e
		}
	}()
	return events
}

// Lists are the revocation lists where they changed since the texts of a number.
// See crl.Source.
func (w *Worker) Lists(_ time.Time, since uint64) *crl.Texts {
	var r ListsResult
	if w.client.Call(service+".Lists", since, &r) != nil {
		return nil
	}
	return r.Texts
}

// read has the keeper read a file.
func (w *Worker) read(name string) ([]byte, error) {
	var r ReadResult
	err := w.client.Call(service+".Read", name, &r)
	if err == nil && r.Missing {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return r.Text, err
}

// Renew has the keeper write a client's next certificate into its profile; see Reads.Renew.
func (w *Worker) Renew(own, next, key []byte) error {
	return w.client.Call(service+".Renew", RenewRequest{own, next, key}, &Empty{})
}

// Local reports this process's name for the command line to the keeper.
func (w *Worker) Local(name string) error {
	return w.client.Call(service+".Local", name, &Empty{})
}

// Ready reports that the tunnel is up.
func (w *Worker) Ready() error { return w.client.Call(service+".Ready", Empty{}, &Empty{}) }

// Reload has the configuration read again, and, unless it is faulty, this process
// replaced by one that goes by it. It returns at once.
func (w *Worker) Reload() { w.client.Go(service+".Reload", Empty{}, &Empty{}, nil) }

// Anew has this process replaced by one that goes by the configuration as the keeper read
// it last. It returns at once.
func (w *Worker) Anew() { w.client.Go(service+".Anew", Empty{}, &Empty{}, nil) }

// Asked tells that the user asked this process to end. It returns at once.
func (w *Worker) Asked() { w.client.Go(service+".Asked", Empty{}, &Empty{}, nil) }

// Failed reports why this process ends.
func (w *Worker) Failed(err error) { w.client.Call(service+".Failed", endOf(err), &Empty{}) }

// Append is audit.Sink's: the keeper adds the line.
func (w *Worker) Append(line []byte) error {
	return w.client.Call(service+".Record", line, &Empty{})
}

// Account has the keeper add lines to the accounting log.
func (w *Worker) Account(lines []byte) error {
	return w.client.Call(service+".Account", lines, &Empty{})
}

// Apply is for bringup.Options: the keeper applies the State.
func (w *Worker) Apply(_ context.Context, want hostnet.State) (bringup.Applied, error) {
	a := &remote{worker: w}
	err := a.call("Apply", want)
	if err != nil && !a.result.Partial {
		return nil, err
	}
	return a, err
}

var _ bringup.Learner = (*remote)(nil)

// remote is a State that the keeper holds.
type remote struct {
	worker *Worker
	mu     sync.Mutex
	result Result
}

func (a *remote) call(method string, want hostnet.State) error {
	var r Result
	if err := a.worker.client.Call(service+"."+method, want, &r); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.result = r
	return r.err()
}

func (a *remote) Update(_ context.Context, want hostnet.State) error { return a.call("Update", want) }

func (a *remote) Resolvers(_ context.Context, name string) (r hostnet.Resolvers, err error) {
	err = a.worker.client.Call(service+".Resolvers", name, &r)
	return r, err
}

// Learn is a bringup.Learner's. It gives up when ctx ends.
func (a *remote) Learn(ctx context.Context, addrs []netip.Addr, lifetime time.Duration) error {
	call := a.worker.client.Go(service+".Learn", LearnRequest{addrs, lifetime}, &Empty{}, make(chan *rpc.Call, 1))
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-call.Done:
		return call.Error
	}
}

func (a *remote) Undo(context.Context) error {
	return a.worker.client.Call(service+".Undo", Empty{}, &Empty{})
}

func (a *remote) Changes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.result.Changes
}
