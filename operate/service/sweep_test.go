package service

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"culvert/operate/handover"
	"culvert/store/memory"
)

// TestSweeping: what nobody fetched is gone soon after its link ended, and not before.
func TestSweeping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		defer s.Close()
		stop := sweeping(s, slog.New(slog.DiscardHandler))
		defer stop()
		if _, err := handover.Make(t.Context(), s, time.Now(), "phone.alice", []byte("client"), time.Hour); err != nil {
			t.Fatal(err)
		}
		left := func() int {
			synctest.Wait()
			all, err := s.List(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			return len(all.Entries)
		}
		time.Sleep(time.Hour - time.Second)
		if left() != 1 {
			t.Error("taken away before its end")
		}
		time.Sleep(sweepEvery + time.Second)
		if left() != 0 {
			t.Error("left after its end")
		}
	})
	sweeping(nil, nil)()
}
