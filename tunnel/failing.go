package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"culvert/internal/brake"
	"culvert/link"
)

// failed decides how a direction continues after its adapter or link, named by
// what, failed to read. It returns the error that ends the direction, or nil to
// read on, after a pause if such errors follow each other.
//
// Writing needs no brake: a write follows a read, and a packet that is not taken is
// counted.
func (r *Road) failed(ctx context.Context, failing *brake.Brake, err error, what func() string) error {
	if errors.Is(err, fs.ErrClosed) {
		return err
	}
	if r.OnError != nil {
		r.OnError(err)
	}
	if errors.As(err, new(*link.ReportedError)) {
		return nil // as many as were sent
	}
	v := failing.Failed(time.Now())
	if v.News && r.OnFailing != nil {
		r.OnFailing(what(), err)
	}
	if v.End {
		return fmt.Errorf("reading from the %s has failed for %v: %w", what(), brake.Patience, err)
	}
	if !brake.Wait(ctx.Done(), v.Pause) {
		return err
	}
	return nil
}

// LogFailing returns an OnFailing that logs.
func LogFailing(log *slog.Logger) func(what string, err error) {
	return func(what string, err error) {
		log.Warn("reading from the "+what+" fails again and again; the tunnel pauses between tries, and ends if that goes on for "+brake.Patience.String(), "error", err)
	}
}

// inParallel runs a function for each of n queues and returns the error of the
// first that ends. If that error is that the queue was closed, it first waits for
// the others. If not, it returns at once, since the others end only when the caller
// closes them.
func inParallel(n int, run func(queue int) error) error {
	ends := make(chan error, n)
	for queue := range n {
		go func() { ends <- run(queue) }()
	}
	first := <-ends
	for range n - 1 {
		if !errors.Is(first, fs.ErrClosed) {
			break
		}
		<-ends
	}
	return first
}
