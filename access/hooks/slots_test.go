//go:build unix

package hooks

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/hooks/hookstest"
)

func source(n byte) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, n}), 32)
}

// TestSlotsAreBounded: no more run at a time than there are slots, and no more
// for a source than a quarter.
func TestSlotsAreBounded(t *testing.T) {
	for sources, want := range map[int]int32{1: 4, 3: 12, 10: 16} {
		synctest.Test(t, func(t *testing.T) {
			s := NewSlots(16)
			var now, most atomic.Int32
			for i := range 890 {
				go func() {
					release, err := s.Acquire(t.Context(), source(byte(i%sources)))
					if err != nil {
						t.Error(err)
						return
					}
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Second)
					now.Add(-1)
					release()
				}()
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			if most.Load() != want || now.Load() != 0 || s.free != 16 || len(s.running)+len(s.waiting) > 0 {
				t.Errorf("%d sources: %d ran at a time, want %d; left %+v", sources, most.Load(), want, s)
			}
		})
	}
}

// TestSlotsAreFair: who comes last waits neither for the flood of one nor for
// those of four that have all slots between them.
func TestSlotsAreFair(t *testing.T) {
	for floods, longest := range map[int]time.Duration{1: 0, 4: time.Second, 8: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := NewSlots(16)
			for i := range 900 {
				go func() {
					release, _ := s.Acquire(t.Context(), source(byte(i%floods)))
					time.Sleep(time.Second)
					release()
				}()
			}
			synctest.Wait()
			began := time.Now()
			release, err := s.Acquire(t.Context(), source(200))
			if err != nil || time.Since(began) > longest {
				t.Errorf("%d floods: %v, after %v", floods, err, time.Since(began))
			}
			release()
			time.Sleep(time.Hour)
		})
	}
}

// TestWaitEnds with its context, and leaves nothing taken.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots(1)
		release, err := s.Acquire(t.Context(), source(1))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Acquire(ctx, source(2)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, err := s.Acquire(ctx, source(2)); err == nil {
			t.Error("begun after the end")
		}
		release()
		if s.free != 1 || len(s.waiting)+len(s.running) > 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestGroupEnds: with a program ends all that it has started.
func TestGroupEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "child")
	p := program(t, "tls-verify", "sleep 1000 & echo $! > "+file+"; wait")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := p.Run(ctx, source(1), nil); done <- err }()
	pid := hookstest.Child(t, file)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	hookstest.Ends(t, pid)
}
