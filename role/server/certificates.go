package server

import (
	"time"

	"culvert/session"
	"culvert/session/negotiate"
)

// Renewable returns the clients that are in and can have their certificates renewed over
// their sessions.
func Renewable(s *Server) (all []About) {
	now := time.Now()
	for _, c := range s.roster.table.established() {
		if a := c.about(now); negotiate.KnowsRenewal(a.Applicant.PeerInfo) && len(a.Applicant.Chain) > 0 {
			all = append(all, a)
		}
	}
	return all
}

// TellCertificate tells a client that is in something of its certificate, if that can be
// renewed over its session, and it still has the common name. It does not wait for it.
func TellCertificate(s *Server, number uint64, commonName, text string) {
	c := s.roster.numbered(number)
	if c == nil {
		return
	}
	c.Do(func(now time.Time) {
		if a := c.about(now); c.up && a.CommonName == commonName && negotiate.KnowsRenewal(a.Applicant.PeerInfo) {
			c.Session.Send(session.CertificateVerb + "," + text)
		}
	})
}

// Report reports an event about a server's clients that something beside it saw.
func Report(s *Server, e Event) { s.report(e) }
