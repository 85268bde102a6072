package privsep

import (
	"context"
	"errors"
)

// Shown is a keeper's log as far as its worker shows it beside its own.
type Shown interface {
	// After waits for lines after a number, until ctx ends, and returns them in the caller's
	// encoding, with the number to go on with.
	After(ctx context.Context, number uint64) (lines []byte, next uint64)
	// SetLevels takes what the worker was asked to log, in the same encoding.
	SetLevels(levels []byte) error
}

// LogResult are lines of a keeper's log.
type LogResult struct {
	Lines []byte
	Next  uint64
}

var errNoLog = errors.New("the log is not shown")

// LogAfter waits for lines of the keeper's log.
func (k *Keeper) LogAfter(number uint64, r *LogResult) error {
	if k.options.Shown == nil {
		return errNoLog
	}
	ctx, cancel := context.WithCancel(k.ctx)
	defer cancel()
	go func(gone <-chan struct{}) {
		select {
		case <-gone:
			cancel()
		case <-ctx.Done():
		}
	}(k.gone)
	r.Lines, r.Next = k.options.Shown.After(ctx, number)
	return ctx.Err()
}

// SetLevels changes what the keeper logs.
func (k *Keeper) SetLevels(levels []byte, _ *Empty) error {
	if k.options.Shown == nil {
		return errNoLog
	}
	return k.options.Shown.SetLevels(levels)
}

// LogAfter waits for lines of the keeper's log after a number. It fails when the keeper is
// gone or shows none.
func (w *Worker) LogAfter(number uint64) (lines []byte, next uint64, err error) {
	var r LogResult
	err = w.client.Call(service+".LogAfter", number, &r)
	return r.Lines, r.Next, err
}

// SetLevels has the keeper log as much as this process does. It returns at once.
func (w *Worker) SetLevels(levels []byte) {
	w.client.Go(service+".SetLevels", levels, &Empty{}, nil)
}
