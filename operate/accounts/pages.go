package accounts

import (
	"culvert/access/audit"
	"culvert/access/oidc"
	"culvert/internal/printable"
)

// EntryOfPage returns the line of the audit log for what was refused at a page where people
// sign in.
func EntryOfPage(r oidc.Refusal) audit.Entry {
	e := audit.Entry{At: r.At.UTC(), What: audit.Refused, Address: r.Browser, Reason: r.Reason}
	if r.Request != nil {
		e.User, e.Client = printable.Name(r.Request.Username), printable.Name(r.Request.CommonName)
	}
	return e
}
