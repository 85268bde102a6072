package server

import (
	"context"
	"crypto/tls"
	"time"

	"culvert/session"
)

// keepLists has the revocation lists read again as they change, and whoever is
// in looked up in them, until the function it returns is called.
func (s *Server) keepLists(ctx context.Context) (stop func()) {
	return s.trust.Keep(ctx, func() {
		for _, c := range s.table.all() {
			c.Do(func(now time.Time) { s.recheck(c, now) })
		}
	})
}

// shows notes a client's certificate, which TLS found good. Lists may have
// changed between that and now, when whoever looked for clients to shut out did
// not know this one.
func (s *Server) shows(c *client, now time.Time, state tls.ConnectionState) (revoked bool) {
	c.presented = s.trust.Way(state.PeerCertificates)
	return s.recheck(c, now)
}

// recheck shuts a client out whose certificate, or one above it, is revoked.
func (s *Server) recheck(c *client, now time.Time) (revoked bool) {
	err := s.trust.Revoked(c.presented, now)
	if err == nil || c.Session.Err() != nil {
		return false
	}
	c.login.stop()
	if c.Session.ShutOut(now, revokedReason) {
		s.happened(ShutOut{About: c.about(now), Err: err})
	}
	return true
}

// revokedReason is what a client is told that is shut out.
const revokedReason = "the certificate was revoked"

// rekeyed notes that a client renewed its keys.
func (s *Server) rekeyed(c *client, now time.Time, e session.Rekeyed) {
	s.shows(c, now, e.TLS)
}

// Lists are the files that revocation lists are read from again.
func (s *Server) Lists() []string { return s.trust.ListFiles() }
