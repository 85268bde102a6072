package session

import (
	"crypto/tls"
	"time"

	"culvert/internal/printable"
	"culvert/session/negotiate"
	"culvert/session/wire"
)

// Event is something the owner of a session should know or decide.
type Event interface{ event() }

// Hello tells a server who the client is. The server answers with Admit or
// Refuse, at once or later.
type Hello struct {
	TLS                tls.ConnectionState
	PeerInfo           negotiate.PeerInfo
	PeerInfoNames      []string // the names in PeerInfo, in the order in which they came
	Options            string
	Username, Password string
}

// CommonName is the client certificate's, "" without one.
func (h *Hello) CommonName() string { return commonName(h.TLS.PeerCertificates) }

// Reauth tells a server that a client's keys are being renewed, and who the
// client is. The server answers with Readmit or Expel, at once or later; until
// then the old keys stay in use. It is reported where Config.Reauthenticate is
// set.
type Reauth struct {
	Key wire.KeyID
	*Hello
}

// LoginNeeded asks a client for user name and password, which the session
// forgot (Config.ForgetLogin). The client answers with Login.
type LoginNeeded struct{}

// Token is a token that the server gave the client in place of its password,
// and the user name to send with it. The session uses it from now on.
type Token struct{ Username, Token string }

// AuthPending tells a client that the server is still checking who it is, and
// how long that may take.
type AuthPending struct{ Timeout time.Duration }

// InfoPre is what users have to do before the server lets them in.
type InfoPre struct{ negotiate.InfoPre }

// ChallengeAnswered tells a server what a client answered (CR_RESPONSE): the
// text as it came, in base64 if the client keeps to the protocol.
type ChallengeAnswered struct{ Response string }

// Pushed tells a client what the server pushed, once the data channel is up.
type Pushed struct {
	Options []string
	Params  negotiate.Params
	Ignored []string // pushed options for Params that make no sense
	// Unfiltered are the options that came, with those that FilterPushed left out.
	Unfiltered []string
}

// PushUpdated tells a client what the server changed of what it pushed: one
// option each, with "-" in front of what it takes back and "?" of what may be
// passed over.
type PushUpdated struct{ Options []string }

// Answered reports the peer's first packet that belongs to this session.
type Answered struct{}

// Asking tells a client that both sides have authenticated themselves, and the
// server is asked for what it pushes.
type Asking struct{}

// Delayed reports that a first handshake takes long, and in words how far it
// has come. It is reported once.
type Delayed struct {
	Stage string
	// Anew is what to say in its place where the peer is known to have begun
	// another handshake meanwhile; "" if that changes nothing.
	Anew string
	// Clock says that the peer's clock is another than this host's, and what both
	// say; "" for nothing.
	Clock string
}

// Established reports that data can pass.
type Established struct {
	Params negotiate.Params
	TLS    tls.ConnectionState
	Course Course
}

// Rekeyed reports that a renegotiation ended and new keys are installed.
type Rekeyed struct {
	Key    wire.KeyID
	TLS    tls.ConnectionState
	Course Course
}

// RekeyFailed reports that a renegotiation failed. The old keys stay in use,
// and it is tried again.
type RekeyFailed struct {
	Err    error
	Course Course
}

// CertificateVerb begins the control messages about the certificate of a client. A server
// sends them to clients that say in their peer info that they know them
// (negotiate.KnowsRenewal), and those answer.
const CertificateVerb = "CERT"

// Certificate is such a message from the other side, as it came, without the verb.
type Certificate struct{ Text string }

// Info is a control message that this side has no use for, fit for a log.
type Info struct{ Text string }

// Remark is something, in words, that whoever runs this session should know.
type Remark struct{ Text string }

// PathMeasured reports what the path to the peer carries both ways, as datagrams in one
// piece: the first time, and when that has changed.
type PathMeasured struct {
	// Size is the largest that passes, in bytes of UDP payload, and Tried the largest that
	// was tried. Size 0 says that the peer does not answer what it would be measured by.
	Size, Tried int
}

// Closed reports that the session ended, and why.
type Closed struct{ Err error }

func (*Hello) event()            {}
func (Reauth) event()            {}
func (PathMeasured) event()      {}
func (LoginNeeded) event()       {}
func (Token) event()             {}
func (AuthPending) event()       {}
func (InfoPre) event()           {}
func (ChallengeAnswered) event() {}
func (Pushed) event()            {}
func (PushUpdated) event()       {}
func (Answered) event()          {}
func (Asking) event()            {}
func (Delayed) event()           {}
func (Established) event()       {}
func (Rekeyed) event()           {}
func (RekeyFailed) event()       {}
func (Info) event()              {}
func (Certificate) event()       {}
func (Remark) event()            {}
func (Closed) event()            {}

// AuthFailedError is AUTH_FAILED from a server.
type AuthFailedError struct {
	negotiate.Restart
	Cipher string // of the data channel, which the server named before; "" for none
}

func (e *AuthFailedError) Error() string {
	text := "the server refused the login (AUTH_FAILED)"
	if e.Reason != "" {
		text += ": " + printable.Name(e.Reason)
	}
	return text
}

// RestartError is RESTART or HALT from a server.
type RestartError struct {
	negotiate.Restart
	Halt bool // do not come back
}

func (e *RestartError) Error() string {
	text := "the server asks to reconnect (RESTART)"
	if e.Halt {
		text = "the server ends the session for good (HALT)"
	}
	if e.Reason != "" {
		text += ": " + printable.Name(e.Reason)
	}
	return text
}
