package service

import (
	"context"

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
// in and who was refused, and passes them on to next. stop ends it, when all is written.
func (r roles) recording(next func(server.Event)) (read func(server.Event), stop func()) {
	if r.AuditLog == "" {
		return next, func() {}
	}
	var sink audit.Sink = audit.NewFile(r.AuditLog)
	if r.worker != nil {
		sink = r.worker
	}
	queue := audit.NewQueue(sink, r.log)
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
	return read, func() {
		end()
		<-done
	}
}

// inTurn returns what does two things, one after the other.
func inTurn(first, second func()) func() {
	return func() {
		first()
		second()
	}
}
