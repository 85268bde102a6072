package service

import (
	"context"
	"net/netip"
	"time"

	"culvert/access/audit"
	"culvert/operate/accounts"
	"culvert/role/server"
)

// record returns what adds a line to the audit log; nil: there is none.
func (o Options) record() func(line []byte) error {
	if o.AuditLog == "" {
		return nil
	}
	return audit.NewFile(o.AuditLog).Append
}

// recording returns a reader of a server's events that has the audit log say who was let
// in and who was refused, and passes them on to next. note adds a line of its own. stop ends it, when all is
// written.
func (r roles) recording(next func(server.Event)) (read func(server.Event), note func(audit.Entry), stop func()) {
	if r.AuditLog == "" {
		return next, func(audit.Entry) {}, func() {}
	}
	queue := audit.NewQueue(sinkOf(r), r.log)
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		queue.Run(ctx)
	}()
	read = func(e server.Event) {
		if entry, ok := accounts.EntryOf(e); ok {
			queue.Add(entry)
		}
		next(e)
	}
	return read, queue.Add, func() {
		end()
		<-done
	}
}

// sinkOf is where this process adds to the audit log.
func sinkOf(r roles) audit.Sink {
	if r.worker != nil {
		return r.worker
	}
	return audit.NewFile(r.AuditLog)
}

// fetched returns what has the audit log say who fetched a profile by a link; nil: there is
// no such log.
func fetched(r roles) func(name, address string) {
	if r.AuditLog == "" {
		return nil
	}
	sink := sinkOf(r)
	return func(name, address string) {
		at, _ := netip.ParseAddrPort(address)
		line, err := audit.Entry{At: time.Now().UTC(), What: audit.Fetched, Client: name, Address: at}.Line()
		if err == nil {
			err = sink.Append(line)
		}
		if err != nil {
			r.log.Warn("a profile was fetched by its link, and the audit log does not have it", "name", name, "address", address, "error", err)
		}
	}
}

// inTurn returns what does two things, one after the other.
func inTurn(first, second func()) func() {
	return func() {
		first()
		second()
	}
}
