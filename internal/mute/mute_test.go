package mute

import (
	"bytes"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
)

func limited(n int) *atomic.Int64 {
	limit := new(atomic.Int64)
	limit.Store(int64(n))
	return limit
}

// newLog writes level and message only, a line each.
func newLog(limit int) (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	h := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return slog.New(New(h, limited(limit))), &b
}

func TestConsecutive(t *testing.T) {
	log, out := newLog(2)
	for i := range 5 {
		log.Warn("dropped", "n", i)
	}
	log.With("client", "a").Warn("dropped")
	log.Info("dropped")
	log.WithGroup("g").Info("other")
	log.Warn("dropped")
	want := `level=WARN msg=dropped n=0
level=WARN msg=dropped n=1
level=WARN msg="4 more of these messages were left out (mute)"
level=INFO msg=dropped
level=INFO msg=other
level=WARN msg=dropped
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func TestOff(t *testing.T) {
	log, out := newLog(0)
	for range 3 {
		log.Info("same")
	}
	if n := strings.Count(out.String(), "same"); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
}
