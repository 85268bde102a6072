package server

import (
	"context"
	"sync"

	"culvert/host/bringup"
)

// keepRoutes has the host's routes follow the clients on a LAN, until the returned
// function is called.
func (s *Server) keepRoutes(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-s.book.Changed():
				if err := s.adapter.Update(ctx, bringup.State{State: s.state(ctx)}); err != nil && ctx.Err() == nil {
					s.log.Error("the routes to the clients could not be brought up to date", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}
