package service

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"culvert/host/privsep"
	"culvert/internal/version"
	"culvert/operate/backend"
	"culvert/operate/manage"
	"culvert/operate/manage/api"
	"culvert/operate/manage/recent"
)

// local is the interface for the command line, open while a tunnel is.
type local struct {
	dir    string
	name   string          // "": of role and adapter
	worker *privsep.Worker // nil: not in a worker
	log    *slog.Logger
	// api are the operations of this process. Parts of it add theirs before its adapter is
	// opened; from then on it is served.
	api *api.API
	now atomic.Pointer[manage.Process]

	mu   sync.Mutex
	stop func()         // nil until it was opened
	kept *recent.Recent // nil until then
}

// newLocal returns one that has the operations of any process.
func newLocal(dir, name string, worker *privsep.Worker, log *slog.Logger) *local {
	n := &local{dir: dir, name: name, worker: worker, log: log}
	n.api = api.New(api.Options{Version: version.Current().Version, Log: n.log})
	n.now.Store(&manage.Process{})
	manage.AddProcess(n.api, func() manage.Process { return *n.now.Load() })
	return n
}

// open opens the interface once for a tunnel. A process goes on without.
func (l *local) open(b backend.Backend, adapter string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		return
	}
	name, stop, err := l.serve(b, adapter)
	if err == nil && l.worker != nil {
		err = l.worker.Local(name)
	}
	if err != nil {
		l.log.Warn("culvert status, trace and capture will not find this process; --name gives it a name of its own", "name", name, "error", err)
	}
	if l.stop = stop; stop == nil {
		l.stop = func() {}
	}
}

// mostOfAName is how many processes are told apart that would have the same name.
const mostOfAName = 100

// serve answers by the name that was given, or by role and adapter. In another
// network namespace there may be a process with the same; this one then has a
// number, too.
func (l *local) serve(b backend.Backend, adapter string) (name string, stop func(), err error) {
	name = l.name
	if name == "" {
		name = b.Status().Role + "-" + adapter
	}
	l.kept = recent.Keep(b)
	manage.Add(l.api, b, l.kept)
	handler, plain := l.api.Handler(), name
	for n := 2; ; n++ {
		l.now.Store(&manage.Process{Name: name, Role: b.Status().Role, Version: version.Current().Version, Adapter: adapter, Since: time.Now(), PID: os.Getpid()})
		stop, err = manage.Serve(l.dir, name, handler)
		if !errors.Is(err, manage.ErrTaken) || l.name != "" || n > mostOfAName {
			break
		}
		name = fmt.Sprintf("%s-%d", plain, n)
	}
	if err == nil && name != plain && l.name == "" {
		l.log.Info("another process, in another network namespace, has the usual name of this one for culvert status, trace and capture", "usual", plain, "name", name)
	}
	return name, stop, err
}

func (l *local) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		l.stop()
		l.kept.Close()
	}
	l.stop = nil
}

// localDir is where the sockets are.
func (o Options) localDir() string {
	if o.StateDir != "" {
		return o.StateDir
	}
	return manage.DefaultDir()
}
