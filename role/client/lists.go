package client

import (
	"context"
	"crypto/tls"
	"time"

	"culvert/session"
)

// keepLists has the revocation lists read again as they change, and the server
// looked up in them, until the function it returns is called.
func (a *attempt) keepLists(ctx context.Context) (stop func()) {
	return a.settings.Trust.Keep(ctx, func() { a.peer.Do(a.recheck) })
}

// noteShown notes the server's certificate, which TLS found good. The lists may have
// changed since.
func (a *attempt) noteShown(now time.Time, e session.Event) {
	var state tls.ConnectionState
	switch e := e.(type) {
	case session.Established:
		state = e.TLS
	case session.Rekeyed:
		state = e.TLS
	default:
		return
	}
	a.presented = a.settings.Trust.Way(state.PeerCertificates)
	a.recheck(now)
}

// recheck ends the connection to a server whose certificate, or one above it, is
// revoked.
func (a *attempt) recheck(now time.Time) {
	err := a.settings.Trust.Revoked(a.presented, now)
	if err == nil {
		return
	}
	select {
	case a.revoked <- err:
	default: // one is enough
	}
}
