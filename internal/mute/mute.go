// Package mute keeps a log from repeating itself: equal messages in a row (`mute`),
// reasons that come again (Kind), what strangers send (Strangers), and events of
// any frequency (Tally).
package mute

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
)

// Handler passes on a limited number of messages of one kind in a row. Messages are
// of one kind if they have the same level and text; their attributes may differ.
// Before the first message of another kind, it logs how many were left out.
type Handler struct {
	next slog.Handler
	run  *run
}

// run is the messages of one kind at the end of the log. All handlers of a log
// share it.
type run struct {
	limit *atomic.Int64

	mu    sync.Mutex
	level slog.Level
	text  string
	count int
}

// New wraps a handler. A limit of 0 leaves nothing out. It may change at any time.
func New(next slog.Handler, limit *atomic.Int64) *Handler {
	return &Handler{next, &run{limit: limit}}
}

// Enabled asks the next handler.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle passes a message on, or counts it.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	silent, left, level := h.run.add(r.Level, r.Message)
	if silent {
		return nil
	}
	if left > 0 {
		h.next.Handle(ctx, slog.NewRecord(r.Time, level, leftOut(left), 0))
	}
	return h.next.Handle(ctx, r)
}

func leftOut(n int) string {
	return fmt.Sprintf("%d more of these messages were left out (mute)", n)
}

// add counts a message. It returns silent if there were enough of its kind.
// Otherwise it returns how many of the previous kind were left out, and their
// level.
func (u *run) add(l slog.Level, text string) (silent bool, left int, level slog.Level) {
	u.mu.Lock()
	defer u.mu.Unlock()
	limit := int(u.limit.Load())
	if limit <= 0 {
		limit = math.MaxInt
	}
	if u.count > 0 && l == u.level && text == u.text {
		u.count++
		return u.count > limit, 0, l
	}
	left, level = max(0, u.count-limit), u.level
	u.level, u.text, u.count = l, text, 1
	return false, left, level
}

// WithAttrs returns a handler for the same log.
func (h *Handler) WithAttrs(a []slog.Attr) slog.Handler {
	return &Handler{h.next.WithAttrs(a), h.run}
}

// WithGroup returns a handler for the same log.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.next.WithGroup(name), h.run}
}
