package service

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"culvert/host/privsep"
	"culvert/operate/backend"
	"culvert/operate/manage"
)

// local is the interface for the command line, open while a tunnel is.
type local struct {
	dir    string
	name   string          // "": of role and adapter
	worker *privsep.Worker // nil: not in a worker
	log    *slog.Logger

	mu   sync.Mutex
	stop func() // nil until it was opened
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
	handler, plain := manage.Handler(b), name
	for n := 2; ; n++ {
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
