package session

import "errors"

// Errors that end a session, or refuse a packet.
var (
	ErrPeerExit = errors.New("the peer said that it exits")
	ErrExit     = errors.New("session ended by this side")
	ErrStray    = errors.New("packet of another session")
	ErrIdentity = errors.New("the peer's certificate or user name changed within a session")
	// ErrUntrusted is matched by errors of TLS settings that refuse the peer's
	// certificate. They end the session, even when its keys are only being
	// renewed.
	ErrUntrusted = errors.New("the peer's certificate is refused")
)

// HandshakeError says why a handshake ended.
type HandshakeError struct {
	Stage string // how far it came, in words
	Err   error  // what ended it; nil when time ran out
}

func (e *HandshakeError) Error() string {
	if e.Err == nil {
		return "handshake did not finish in time: " + e.Stage
	}
	return "handshake failed: " + e.Err.Error()
}

func (e *HandshakeError) Unwrap() error { return e.Err }

// Permanent reports whether the next handshake would end the same way until
// somebody mends something: the peer, or this side, has said no. Silence and
// damage on the way may be over by then.
func (e *HandshakeError) Permanent() bool {
	return e.Err != nil && !errors.Is(e.Err, errFellSilent) && !garbled(e.Err)
}
