package session

import "time"

// LastReceived is when an authentic packet last came, of either channel; that the
// session began, before the first. It is safe for concurrent use.
func (s *Session) LastReceived() time.Time {
	return s.born.Add(time.Duration(s.lastReceived.Load()))
}

// CipherName is the data channel's cipher by OpenVPN's name, "" while no data can
// be sent. It is safe for concurrent use.
func (s *Session) CipherName() string { return s.ring.Cipher().Name() }
