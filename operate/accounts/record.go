package accounts

import (
	"net/netip"
	"strings"
	"time"

	"culvert/access"
	"culvert/access/audit"
	"culvert/internal/printable"
	"culvert/operate/backend"
	"culvert/role/server"
	"culvert/session/negotiate"
)

// EntryOf returns the line of the audit log for an event of a server; ok is false for
// those without.
func EntryOf(e server.Event) (entry audit.Entry, ok bool) {
	switch e := e.(type) {
	case server.Up:
		entry = about(e.About, audit.LetIn)
		entry.Inner = valid(e.IPv4, e.IPv6)
	case server.LoginRefused:
		entry = about(e.About, audit.Refused)
		entry.Login, entry.Reason = guessed(e), reason(e.Reason, e.Err)
	case server.Refused:
		entry = about(e.About, audit.Refused)
		entry.Reason = reason(e.Reason, e.Cause)
	case server.ShutOut:
		entry = about(e.About, audit.ShutOut)
		entry.Reason = e.Err.Error()
	case server.Certified:
		entry = about(e.About, audit.Changed)
		entry.Reason = "it was given its next certificate, with serial number " + e.Next + ", valid until " + e.Ends.UTC().Format(time.DateOnly)
	case server.CertificateEnding:
		if e.Ready == "" {
			return entry, false
		}
		entry = audit.Entry{At: e.At.UTC(), What: audit.Changed, Client: printable.Name(e.CommonName), Serial: e.Serial,
			Reason: "its certificate ends on " + e.Ends.UTC().Format(time.DateOnly) + ", and the server made its next profile: " + e.Ready}
	case server.Disconnected:
		entry = about(e.About, audit.ShutOut)
		entry.Reason = "disconnected by the operator"
	case server.Replaced:
		entry = about(e.About, audit.ShutOut)
		entry.Reason = "another connection of its name came from " + e.By.String()
	case server.Ended:
		if !e.WasUp {
			return entry, false
		}
		entry = about(e.About, audit.Left)
		entry.Seconds = e.At.Sub(e.Since).Seconds()
		entry.BytesIn, entry.BytesOut, entry.Inner = e.Traffic.BytesIn, e.Traffic.BytesOut, valid(e.IPv4, e.IPv6)
		entry.Reason = backend.CutOffReason(e.After)
		if entry.Reason == "" && e.Err != nil {
			entry.Reason = e.Err.Error()
		}
	default:
		return entry, false
	}
	return entry, true
}

// about is an entry about a client. What it calls itself is cut: otherwise a few strangers
// could fill the log, and push out what others did.
func about(a server.About, what string) audit.Entry {
	return audit.Entry{At: a.At.UTC(), What: what, User: printable.Name(a.User), Client: printable.Name(access.Name(a.Name)), Address: a.Remote, Serial: a.Serial, Agent: a.Agent}
}

// guessed reports whether what a client showed to log in may have been a guess. A client that
// is asked a question, or whose login has expired, comes again, and is no stranger for that.
func guessed(e server.LoginRefused) bool {
	return e.Err == nil && !negotiate.IsChallenge(e.Reason) && !strings.HasPrefix(e.Reason, "SESSION:")
}

// reason is what the client is told, and what only the server's own people are.
func reason(told string, cause error) string {
	if negotiate.IsChallenge(told) { // it may have a secret in it
		told = "a challenge"
	}
	switch {
	case cause == nil && told == "":
		return "user name or password is wrong"
	case cause == nil:
		return told
	case told == "":
		return cause.Error()
	}
	return told + ": " + cause.Error()
}

func valid(all ...netip.Addr) (list []netip.Addr) {
	for _, a := range all {
		if a.IsValid() {
			list = append(list, a)
		}
	}
	return list
}
