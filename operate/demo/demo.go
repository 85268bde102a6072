// Package demo shows a tunnel at work on one machine, with nothing but
// loopback (UserSpace) or between network namespaces (Kernel): a web server, a
// VPN server and a client are started, a page and a large file are fetched
// through the tunnel, their hashes compared, and the way drawn with what was
// measured at each stop.
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

// DefaultSize is that of the large file, in bytes.
const DefaultSize = 100 << 20

// patience is how long anything may take that ought to be there at once, and
// how long a download may stand still.
const patience = 20 * time.Second

// Options say how to run a demonstration.
type Options struct {
	Out      io.Writer
	Terminal bool   // Out is one, where a line can be painted over
	Size     int64  // of the large file in bytes, at least 1
	Program  string // Kernel: path of the culvert to run
}

func (o Options) check() error {
	if o.Size < 1 {
		return fmt.Errorf("size %d: expected at least 1 byte", o.Size)
	}
	return nil
}

func (o Options) say(format string, args ...any) { fmt.Fprintf(o.Out, format+"\n", args...) }

// step tells of one thing that was done.
func (o Options) step(what, format string, args ...any) {
	o.say("  %-11s %s", what, fmt.Sprintf(format, args...))
}

// play takes the steps in turn, undoes all, and tells how it ended. The first
// thing that failed counts: a step, or what ended ctx.
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

// finish says how it ended, and on failure what the parts said last.
func (o Options) finish(log *journal, err error) error {
	switch {
	case err == nil:
		o.say("demo: ok")
		return nil
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("demo: stopped: %w", err)
	}
	if tail := log.tail(); tail != "" {
		o.say("\nWhat server and client said last:\n%s", tail)
	}
	return fmt.Errorf("demo: failed: %w", err)
}

// undo is what to do at the end, the last first.
type undo []func()

func (u *undo) add(f func()) { *u = append(*u, f) }

func (u *undo) run() {
	for i := len(*u) - 1; i >= 0; i-- {
		(*u)[i]()
	}
	*u = nil
}

// await waits until what is ready, or ctx ends.
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

// completed is what OpenVPN, and every program that watches it, says when the
// tunnel is up.
const completed = "Initialization Sequence Completed"

// journal keeps what a server or a client logs.
type journal struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan struct{} // closed once it says completed
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

// tail is the last lines, indented; "" when there are none.
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

// cipher is what a client logged that packets are sealed with.
func (j *journal) cipher() string {
	if m := cipherLine.FindStringSubmatch(j.String()); m != nil {
		return m[1]
	}
	return "cipher unknown"
}
