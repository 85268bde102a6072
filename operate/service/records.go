package service

import (
	"time"

	"culvert/access/audit"
	"culvert/config"
	"culvert/operate/manage/records"
	"culvert/operate/orders"
)

// recordsOf adds the operations of a server's store, if it has one. now returns the
// configuration that the server goes by.
func recordsOf(r roles, c *config.Config, now func() *config.Config) {
	if r.people == nil || c.Mode != config.ModeServer {
		return
	}
	var sink audit.Sink
	if r.AuditLog != "" {
		sink = sinkOf(r)
	}
	records.Add(r.local.api, records.Options{Store: r.people, Audit: sink, Config: now, Asker: orders.NewAsker(r.people), Now: time.Now,
		AuditFailed: func(err error) {
			r.log.Warn("a caller of the API changed something, and the audit log does not have it", "error", err)
		}})
}
