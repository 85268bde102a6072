package service

import (
	"time"

	"culvert/access/audit"
	"culvert/config"
	"culvert/operate/manage/records"
	"culvert/operate/manage/tokens"
	"culvert/operate/orders"
)

// recordsOf adds the operations of a server's store and of its tokens, if it has one. now returns the
// configuration that the server goes by.
func recordsOf(r roles, c *config.Config, now func() *config.Config) {
	if r.people == nil || c.Mode != config.ModeServer {
		return
	}
	var sink audit.Sink
	if r.AuditLog != "" {
		sink = sinkOf(r)
	}
	failed := func(err error) {
		r.log.Warn("a caller of the API changed something, and the audit log does not have it", "error", err)
	}
	records.Add(r.local.api, records.Options{Store: r.people, Audit: sink, Config: now, Asker: orders.NewAsker(r.people), Now: time.Now, AuditFailed: failed})
	tokens.AddOperations(r.local.api, tokens.Records{Store: r.people, Audit: sink, AuditFailed: failed, Now: time.Now})
}
