package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"culvert/access/audit"
	"culvert/host/privsep"
	"culvert/internal/printable"
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
	// note, if not nil, adds a line to the audit log; nil: there is none, and the log has what
	// callers changed.
	note atomic.Pointer[func(audit.Entry)]

	mu   sync.Mutex
	stop func()         // nil until it was opened
	kept *recent.Recent // nil until then
}

// newLocal returns one that has the operations of any process.
func newLocal(dir, name string, worker *privsep.Worker, log *slog.Logger) *local {
	n := &local{dir: dir, name: name, worker: worker, log: log}
	n.api = api.New(api.Options{Version: version.Current().Version, Log: n.log, Changed: n.changed})
	n.now.Store(&manage.Process{})
	manage.AddProcess(n.api, func() manage.Process { return *n.now.Load() })
	return n
}

// noted has the audit log say what callers change.
func (l *local) noted(note func(audit.Entry)) { l.note.Store(&note) }

// changed says who asked for a change, by what, for which, and what came of it: nothing of what
// was sent. What has lines of its own where it changed something has none here then.
func (l *local) changed(_ context.Context, c api.Change) {
	if c.Op.Recorded && c.Status/100 == 2 {
		return
	}
	what, result := c.Op.Method+" "+c.Path, "done"
	if c.Status/100 != 2 {
		result = fmt.Sprintf("refused: %d %s", c.Status, http.StatusText(c.Status))
	}
	if note := l.note.Load(); note != nil {
		(*note)(audit.Entry{At: time.Now().UTC(), What: audit.Changed, By: printable.Name(c.Caller.String()), Command: printable.Name(what), Reason: result})
		return
	}
	l.log.Info("a caller of the API asked for a change", "by", c.Caller.String(), "operation", what, "result", result)
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

// reading is how many read events by the API, and how many were gone when they came to them.
func (l *local) reading() (readers int, missed uint64) {
	l.mu.Lock()
	kept := l.kept
	l.mu.Unlock()
	if kept == nil {
		return 0, 0
	}
	return kept.Reading()
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
