package service

import (
	"context"
	"sync"
	"time"

	"culvert/operate/backend"
	"culvert/operate/orders"
	"culvert/operate/renewals"
	"culvert/role/server"
)

// renewing has a server offer its clients' certificates anew over their sessions, and report
// which of them end, from when it is ready until stop is called. A server without a store has
// nobody to ask, and ends is nil.
func renewing(r roles, o *server.Options, ready func(*server.Server)) (then func(*server.Server), ends *renewals.Endings, stop func()) {
	if r.people == nil {
		return ready, nil, func() {}
	}
	ends = renewals.NewEndings(r.people, r.log)
	desk := renewals.NewDesk(orders.NewAsker(r.people), r.log)
	o.Certificates = desk.Ask
	ctx, end := context.WithCancel(context.Background())
	var begun sync.WaitGroup
	return func(s *server.Server) {
			ready(s)
			begun.Go(func() { desk.Run(ctx, renewals.OfServer{Server: s}) })
			begun.Go(func() { ends.Run(ctx, func(e server.Event) { server.Report(s, e) }) })
		}, ends, func() {
			end()
			begun.Wait()
		}
}

// certificatesOf returns what counts the clients whose certificates end soon.
func certificatesOf(ends *renewals.Endings) func(now time.Time) *backend.Endings {
	return func(now time.Time) *backend.Endings {
		if ends == nil {
			return nil
		}
		n, ok := ends.Soon(now)
		if !ok {
			return nil
		}
		return &backend.Endings{In30: n.In30, In14: n.In14, In7: n.In7, Ready: n.Ready}
	}
}

// happenedTo passes an event of the server on to those who watch for ends.
func happenedTo(ends *renewals.Endings) func(server.Event) {
	if ends == nil {
		return func(server.Event) {}
	}
	return ends.Happened
}
