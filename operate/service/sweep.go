package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"culvert/operate/handover"
	"culvert/store"
)

// sweepEvery is how often profiles are taken away that nobody fetched in time.
const sweepEvery = 10 * time.Minute

// offersOf is the store with what is offered by links; nil: there is none.
func offersOf(r roles) store.Store {
	if r.people == nil {
		return nil
	}
	return r.people
}

// sweeping takes offered profiles away once their links have ended, until stop is called.
// s may be nil.
func sweeping(s store.Store, log *slog.Logger) (stop func()) {
	if s == nil {
		return func() {}
	}
	ctx, end := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			if err := handover.Sweep(ctx, s, time.Now()); err != nil && ctx.Err() == nil {
				log.Warn("profiles whose links have ended are still in the store", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		end()
		working.Wait()
	}
}
