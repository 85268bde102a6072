package service

import (
	"context"
	"sync"

	"culvert/operate/renewals"
	"culvert/role/server"
)

// renewing has a server offer its clients' certificates anew over their sessions, from when
// it is ready until stop is called. A server without a store has nobody to ask.
func renewing(r roles, o *server.Options, ready func(*server.Server)) (then func(*server.Server), stop func()) {
	if r.people == nil {
		return ready, func() {}
	}
	desk := renewals.NewDesk(r.people, r.log)
	o.Certificates = desk.Ask
	ctx, end := context.WithCancel(context.Background())
	var begun sync.WaitGroup
	return func(s *server.Server) {
			ready(s)
			begun.Go(func() { desk.Run(ctx, renewals.OfServer{Server: s}) })
		}, func() {
			end()
			begun.Wait()
		}
}
