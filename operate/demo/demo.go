// Package demo shows a tunnel at work on one machine, over loopback (UserSpace)
// or between network namespaces (Kernel). It starts a web server, a VPN server
// and a client, fetches a page and a large file through the tunnel, compares
// their hashes, and draws the path with what each stop measured.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
)

// DefaultSize is the default size of the large file in bytes.
const DefaultSize = 100 << 20

// patience is the time limit for anything that should happen at once, and for a
// download that receives nothing.
const patience = 20 * time.Second

// Options say how to run a demonstration.
type Options struct {
	Out      io.Writer
	Terminal bool   // Out is a terminal, where lines can be overwritten
	Size     int64  // size of the large file in bytes, at least 1
	Program  string // for Kernel: the path of culvert
}

func (o Options) check() error {
	if o.Size < 1 {
		return fmt.Errorf("size %d: expected at least 1 byte", o.Size)
	}
	return nil
}

func (o Options) say(format string, args ...any) { fmt.Fprintf(o.Out, format+"\n", args...) }

// step reports one thing that was done.
func (o Options) step(what, format string, args ...any) {
	o.say("  %-11s %s", what, fmt.Sprintf(format, args...))
}

// play runs the steps in turn, undoes everything, and reports the outcome. The
// first failure counts: a step's, or the one that ended ctx.
func (o Options) play(ctx context.Context, log *journal, u *undo, steps ...func(context.Context) error) error {
	var failed error
	for _, step := range steps {
		if failed = step(ctx); failed != nil {
			break
		}
	}
	cause := context.Cause(ctx)
	u.run()
	if cause == nil && failed == nil {
		cause = context.Cause(ctx) // undoing failed
	}
	if cause != nil {
		failed = cause
	}
	return o.finish(log, failed)
}

// finish reports the outcome, and after a failure what the parts logged last.
func (o Options) finish(log *journal, err error) error {
	switch {
	case err == nil:
		o.say("demo: ok")
		return nil
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("demo: stopped: %w", err)
	}
	if tail := log.tail(); tail != "" {
		o.say("\nThe last lines of the log:\n%s", tail)
	}
	return fmt.Errorf("demo: failed: %w", err)
}

// undo is what to do at the end, in reverse order.
type undo []func()

func (u *undo) add(f func()) { *u = append(*u, f) }

func (u *undo) run() {
	for i := len(*u) - 1; i >= 0; i-- {
		(*u)[i]()
	}
	*u = nil
}

// await waits until something is ready, or ctx ends.
func await(ctx context.Context, what string, ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(patience):
		return fmt.Errorf("the %s was not ready after %v", what, patience)
	}
}

// completed is the line that OpenVPN logs when the tunnel is up, and that programs
// wait for.
const completed = "Initialization Sequence Completed"

// journal keeps the log of a server or a client.
type journal struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan struct{} // closed once completed is logged
	once  sync.Once
}

func newJournal() *journal { return &journal{ready: make(chan struct{})} }

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Write(b)
	if bytes.Contains(j.text.Bytes(), []byte(completed)) {
		j.once.Do(func() { close(j.ready) })
	}
	return len(b), nil
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// tail returns the last lines, indented; "" if there are none.
func (j *journal) tail() string {
	const most = 24
	text := strings.TrimSpace(j.String())
	if text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-most):], "\n  ")
}

var cipherLine = regexp.MustCompile(`Data Channel: cipher ([A-Z0-9-]+)`)

// cipher returns the data channel's cipher, as a client logged it.
func (j *journal) cipher() string {
	if m := cipherLine.FindStringSubmatch(j.String()); m != nil {
		return m[1]
	}
	return "cipher unknown"
}
