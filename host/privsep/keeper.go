package privsep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/rpc"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/host/process"
)

// Keeper is the part that stays root. Its exported methods are the worker's
// calls.
type Keeper struct {
	ctx     context.Context
	options Options
	reads   atomic.Pointer[Reads]
	events  chan process.Event // for the worker
	reload  chan struct{}      // the worker asks for one
	anew    chan struct{}      // the worker asks for another in its place
	gone    chan struct{}      // closed when the worker is

	listing sync.Mutex // calls of reads.Lists and Renew

	mu      sync.Mutex
	device  string // the only one it may have changed
	applied bringup.Applied
	failure error
	local   string // the worker's name for the command line

	programs running
	logins   logins
}

func newKeeper(ctx context.Context, o Options) *Keeper {
	k := &Keeper{ctx: ctx, options: o, events: make(chan process.Event), reload: make(chan struct{}), anew: make(chan struct{}), gone: make(chan struct{})}
	k.readFor(true)
	return k
}

// readFor notes what a worker that begins, or one that goes on, may have read for the
// configuration as it is now.
func (k *Keeper) readFor(begins bool) {
	reads := Reads{}
	if k.options.Reads != nil {
		reads = k.options.Reads(begins)
	}
	k.reads.Store(&reads)
}

// Apply brings the host to a State. The device of the first one is the only
// one from then on.
func (k *Keeper) Apply(want hostnet.State, r *Result) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.applied != nil {
		return errors.New("a state is applied already; update that")
	}
	if err := k.same(want); err != nil {
		return err
	}
	applied, err := k.options.Apply(k.ctx, want)
	if err := answer(applied, err, r); err != nil {
		return err
	}
	k.applied = applied
	return nil
}

// same pins the device.
func (k *Keeper) same(want hostnet.State) error {
	if k.device != "" && k.device != want.Device {
		return fmt.Errorf("device %s: this tunnel's is %s", want.Device, k.device)
	}
	k.device = want.Device
	return nil
}

func answer(applied bringup.Applied, err error, r *Result) error {
	var partial *hostnet.PartialError
	if err != nil && !errors.As(err, &partial) {
		return err
	}
	*r = result(applied.Changes(), partial)
	return nil
}

// Update brings the host to another State of the same device.
func (k *Keeper) Update(want hostnet.State, r *Result) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.applied == nil {
		return errors.New("no state is applied")
	}
	if err := k.same(want); err != nil {
		return err
	}
	return answer(k.applied, k.applied.Update(k.ctx, want), r)
}

// Resolvers returns the servers to ask for a name past the tunnel. In a `chroot`, the
// worker has neither the file nor the bus that name them.
func (k *Keeper) Resolvers(name string, r *hostnet.Resolvers) error {
	k.mu.Lock()
	applied := k.applied
	k.mu.Unlock()
	if applied == nil {
		return errors.New("no state is applied")
	}
	var err error
	*r, err = applied.Resolvers(k.ctx, name)
	return err
}

// Learn has packets to addresses go the way of chosen names. A worker can choose the way of
// its own tunnel's packets only.
func (k *Keeper) Learn(r LearnRequest, _ *Empty) error {
	k.mu.Lock()
	applied := k.applied
	k.mu.Unlock()
	l, ok := applied.(bringup.Learner)
	if !ok {
		return errors.New("no state is applied that learns addresses")
	}
	return l.Learn(k.ctx, r.Addrs, r.Lifetime)
}

// Undo undoes what was changed.
func (k *Keeper) Undo(Empty, *Empty) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.applied == nil {
		return nil
	}
	err := k.applied.Undo(context.WithoutCancel(k.ctx))
	if err == nil {
		k.applied = nil
	}
	return err
}

// Local takes the worker's name for the command line. The worker will have no right to
// remove its socket. Only the first name counts, since it comes before rights are given
// up.
func (k *Keeper) Local(name string, _ *Empty) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.local == "" {
		k.local = name
	}
	return nil
}

// Lists returns the revocation lists if they changed since the texts of a number.
func (k *Keeper) Lists(since uint64, r *ListsResult) error {
	k.listing.Lock()
	defer k.listing.Unlock()
	if lists := k.reads.Load().Lists; lists != nil {
		r.Texts = lists(time.Now(), since)
	}
	return nil
}

// Read reads one of the files that the worker needs again and may have no right
// to.
func (k *Keeper) Read(name string, r *ReadResult) error {
	file := k.reads.Load().File
	if file == nil {
		return fmt.Errorf("%s: %w", name, fs.ErrPermission)
	}
	var err error
	if r.Text, err = file(name); errors.Is(err, fs.ErrNotExist) {
		r.Missing, err = true, nil
	}
	return err
}

// Ready is called when the tunnel is up.
func (k *Keeper) Ready(Empty, *Empty) error { return k.options.Ready() }

// Tell passes on to the service manager that the worker is well, how it is, or that it
// has taken a configuration. A worker
// can tell nothing else: it is not the one that stands for the service.
func (k *Keeper) Tell(state string, _ *Empty) error {
	if status, ok := strings.CutPrefix(state, "STATUS="); ok {
		k.options.Manager.Status(status)
	}
	switch state {
	case "WATCHDOG=1":
		k.options.Manager.Alive()
	case "READY=1":
		k.options.Manager.Reloaded()
	}
	return nil
}

// Asked is told that the user asked for the end.
func (k *Keeper) Asked(Empty, *Empty) error {
	if k.options.Asked != nil {
		k.options.Asked()
	}
	return nil
}

// maxLine is the most bytes of a line of the audit log.
const maxLine = 1 << 16

// Record adds a line to the audit log, one at a time: a worker that was taken over can add
// lines, and change none.
func (k *Keeper) Record(line []byte, _ *Empty) error {
	if k.options.Record == nil {
		return errors.New("there is no audit log")
	}
	if len(line) == 0 || len(line) > maxLine || bytes.IndexByte(line, '\n') != len(line)-1 {
		return fmt.Errorf("expected a line of at most %d bytes", maxLine)
	}
	return k.options.Record(line)
}

// maxLines is the most bytes of lines of accounting at once.
const maxLines = 1 << 20

// Account adds lines to the accounting log: a worker that was taken over can add lines, and
// change none.
func (k *Keeper) Account(lines []byte, _ *Empty) error {
	if k.options.Account == nil {
		return errors.New("there is no accounting log")
	}
	if len(lines) == 0 || len(lines) > maxLines || lines[len(lines)-1] != '\n' {
		return fmt.Errorf("expected lines of at most %d bytes", maxLines)
	}
	return k.options.Account(lines)
}

// Renew writes a client's next certificate into its file, one at a time.
func (k *Keeper) Renew(r RenewRequest, _ *Empty) error {
	renew := k.reads.Load().Renew
	if renew == nil {
		return errors.New("the profile's certificate is not renewed here")
	}
	k.listing.Lock()
	defer k.listing.Unlock()
	return renew(r.Own, r.Next, r.Key)
}

// Failed takes the reason why the worker ends.
func (k *Keeper) Failed(why End, _ *Empty) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failure = why.err()
	return nil
}

// Event waits for a signal to the keeper, and returns what it asks of the worker.
func (k *Keeper) Event(_ Empty, e *process.Event) error {
	select {
	case *e = <-k.events:
		return nil
	case <-k.gone:
		return errors.New("the worker is gone")
	}
}

// Reload does what a signal to the keeper (SIGHUP) asks for.
func (k *Keeper) Reload(Empty, *Empty) error {
	select {
	case k.reload <- struct{}{}:
	case <-k.gone:
	}
	return nil
}

// Anew ends the worker and starts another, for a configuration that it cannot take.
func (k *Keeper) Anew(Empty, *Empty) error {
	select {
	case k.anew <- struct{}{}:
	case <-k.gone:
	}
	return nil
}

// serve answers a worker until it closes the connection.
func (k *Keeper) serve(conn net.Conn) {
	s := rpc.NewServer()
	s.RegisterName(service, k)
	s.ServeConn(conn)
}
