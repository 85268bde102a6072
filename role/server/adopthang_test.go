package server_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"culvert/access/hooks"
	"culvert/internal/simnet"
)

// stuck is a program that, once it is told to, hangs until it is given up.
type stuck struct {
	hang  atomic.Bool
	began chan struct{}
}

func (s *stuck) Run(ctx context.Context, _ string, _ *hooks.Env, _ ...string) error {
	if !s.hang.CompareAndSwap(true, false) {
		return nil
	}
	close(s.began)
	<-ctx.Done()
	return ctx.Err()
}

// TestEndWhileAdopting: a server ends, by a signal or by a failure, although it takes another
// configuration and a program of its adapter hangs.
func TestEndWhileAdopting(t *testing.T) {
	for end, c := range map[string]struct {
		end  func(*serving)
		want string
	}{
		"SIGTERM":           {func(s *serving) { s.cancel() }, ""},
		"the adapter fails": {func(s *serving) { s.nic.Close() }, "the server cannot go on"},
	} {
		inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
			programs := &stuck{began: make(chan struct{})}
			w.programs = programs
			s := w.serve("")
			programs.hang.Store(true)
			adopted := make(chan error, 1)
			go func() { adopted <- s.Adopt(parse(t, "server.conf", ours().serverConf("route 10.77.0.0 255.255.0.0"))) }()
			<-programs.began
			c.end(s)
			<-s.ended
			if err := <-adopted; err != nil {
				t.Errorf("%s: adopted: %v", end, err)
			}
			if s.err == nil != (c.want == "") || s.err != nil && !strings.Contains(s.err.Error(), c.want) {
				t.Errorf("%s: it ended with %v, want %q", end, s.err, c.want)
			}
		})
	}
}
