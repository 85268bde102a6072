// Package session is one peer of a VPN: TLS over the reliable layer, the key
// exchange, keys and their renewal, keepalive. It owns no socket, adapter or
// clock: packets and the time are handed in, packets and events come out.
//
// A Session is the control side, and belongs to one goroutine at a time. Its
// Data is the data side: it seals and opens packets on any goroutine, by a
// snapshot of the keys that the control side installs.
package session

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"culvert/internal/digest"
	"culvert/session/negotiate"
	"culvert/session/reliable"
	"culvert/session/seal"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// DefaultMaxPacket is the largest control packet in bytes of UDP payload. It
// stays under the 1,250 bytes that peers expect, and fits a path of 1,000
// bytes with its IP and UDP headers: the large certificates and post-quantum
// shares of a handshake then pass where full-size packets are lost.
const DefaultMaxPacket = 950

// Config is what a session needs to know of its own side.
type Config struct {
	Server  bool // TLS server
	P2P     bool // between two hosts without server mode; NewP2P sets it
	TLS     *tls.Config
	Wrapper wrap.Wrapper

	// Ciphers are the data ciphers in order of preference, Fallback the one
	// for a peer that cannot negotiate ("" for none).
	Ciphers  []string
	Fallback string

	Options            string             // what OptionsString made
	PeerInfo           negotiate.PeerInfo // client, P2P: sent with the keys
	Username, Password string             // client: sent with the keys
	// ForgetLogin makes a client forget Username and Password once they were
	// sent, and ask for them by LoginNeeded when keys are renewed
	// (auth-nocache). A token from the server takes their place.
	ForgetLogin bool
	// FilterPushed takes what a client wants of what a server pushed, or
	// refuses it, which ends the session; nil takes all.
	FilterPushed func(options []string) ([]string, error)
	// Reauthenticate makes a server ask, by Reauth, whether a client whose
	// keys are renewed may stay.
	Reauthenticate bool

	HandWindow time.Duration // a handshake must end within
	TranWindow time.Duration // old keys open packets for so long
	TLSTimeout time.Duration // first retransmission, until a round trip was measured
	RenegAfter time.Duration // age at which keys are renewed; 0: never
	// RenegLeast is the age that some of them may be renewed at already: which
	// is drawn by lot, so that not all sessions of a server do it at once. 0
	// is RenegAfter.
	RenegLeast time.Duration
	// RenegBytes and RenegPackets are the traffic, both ways together, at
	// which keys are renewed; 0: never.
	RenegBytes, RenegPackets int64

	Timers Timers // of silence

	// Digest authenticates packets of ciphers that are no AEAD. Insecure
	// allows none, and the cipher NONE.
	Digest   digest.Digest
	Insecure bool
	// Compression is the framing to use when nothing else decides, and
	// RefuseCompressed takes no packets that are compressed.
	Compression      wire.Compression
	RefuseCompressed bool
	// Fragment is the longest datagram of the data channel in bytes of
	// payload; longer ones are cut where the peer understands it. 0: no limit.
	Fragment int
	// MuteReplays reports no replayed packets.
	MuteReplays bool

	ReplayWindow int
	ReplayTime   time.Duration
	Limits       seal.Limits // of AEAD use; zero for the safe ones

	MaxPacket int // control packets, bytes; 0: DefaultMaxPacket
}

// Session is one peer. Make it with NewClient, NewP2P, NewStatic or Accept.
type Session struct {
	cfg    Config
	data   *Data
	born   time.Time
	local  wire.SessionID
	remote wire.SessionID
	// confirmed: the peer has acknowledged something to this session.
	confirmed bool
	unproven  unproven
	wrapper   wrap.Wrapper
	control   wire.Control // scratch of Input

	// next is the key generation in its handshake, active the newest that
	// is done, old the one before it, kept for late packets.
	next, active, old *generation
	waning            []waning  // the ones before that, oldest first
	renegotiate       time.Time // when to renew keys; zero: not by time
	softened          time.Time // when it was last begun, to whatever end
	usageSeen         time.Time // when their use was last looked at
	forged            time.Time // when forged control packets were last spoken of
	resendWKc         bool      // the server asked for the wrapped key again

	identity *identity // of the peer, fixed by the first handshake
	hello    *Hello
	// hasToken: Password is a token. sentUsername is the last one sent.
	hasToken     bool
	sentUsername string
	params       negotiate.Params
	push         pushState
	update       negotiate.PushReader // client: parts of a PUSH_UPDATE
	leaving      *leaving

	probe  probe
	report report
	events []Event
	err    error
	quota  quota
	stats  Stats
}

// Stats counts what went wrong on the control channel.
type Stats struct {
	BadControl uint64 // packets that failed to parse or authenticate
	Strays     uint64 // packets of another session or key
}

// Errors that end a session, or refuse a packet.
var (
	ErrPeerExit = errors.New("the peer said that it exits")
	ErrExit     = errors.New("session ended by this side")
	ErrStray    = errors.New("packet of another session")
	ErrIdentity = errors.New("the peer's certificate or user name changed within a session")
	// ErrUntrusted is matched by errors of TLS settings that say that the
	// peer's certificate is refused: such a session ends, even when its
	// keys are only being renewed.
	ErrUntrusted = errors.New("the peer's certificate is refused")
)

// newSession fills what every constructor needs.
func newSession(cfg Config, static *seal.Static, now time.Time) *Session {
	if cfg.MaxPacket == 0 {
		cfg.MaxPacket = DefaultMaxPacket
	}
	data := newData(cfg.Fragment, static, now)
	return &Session{cfg: cfg, data: data, born: now, wrapper: cfg.Wrapper, probe: probe{data: data}}
}

// NewClient starts a session towards a server: Output has the hard reset.
func NewClient(cfg Config, now time.Time) *Session {
	s := newSession(cfg, nil, now)
	s.local = newSessionID()
	reset := wire.PControlHardResetClientV2
	if wrap.BringsKey(cfg.Wrapper) {
		reset = wire.PControlHardResetClientV3
	}
	s.next = newGeneration(0, reliable.New(0, cfg.TLSTimeout), now, cfg.HandWindow)
	s.next.ch.Send(reset, nil)
	return s
}

// Accept makes the server's session for a client that a Greeter let in.
func Accept(cfg Config, in *Opening, now time.Time) *Session {
	cfg.Server, cfg.Wrapper = true, in.Wrapper
	s := newSession(cfg, nil, now)
	s.local, s.remote, s.unproven.holds = in.Server, in.Client, in.Unproven
	if in.Proven {
		s.next = newGeneration(0, reliable.New(1, cfg.TLSTimeout), now, cfg.HandWindow)
		if in.RoundTrip > 0 {
			s.next.ch.Measured(in.RoundTrip)
		}
		s.next.startTLS(cfg.TLS, true)
		return s
	}
	s.next = newGeneration(0, reliable.New(0, cfg.TLSTimeout), now, cfg.HandWindow)
	s.next.ch.Send(wire.PControlHardResetServerV2, nil)
	return s
}

// LocalID and RemoteID are the session ids of both ends; RemoteID is zero
// until a server has answered.
func (s *Session) LocalID() wire.SessionID  { return s.local }
func (s *Session) RemoteID() wire.SessionID { return s.remote }

// Err is why the session ended, nil while it lives.
func (s *Session) Err() error { return s.err }

// Stats returns the control channel's counters.
func (s *Session) Stats() Stats { return s.stats }

// Data is the data side, good for as long as the session.
func (s *Session) Data() *Data { return s.data }

// Established reports that data can pass.
func (s *Session) Established() bool { return s.carries() }

// Close frees what the session holds. It sends nothing.
func (s *Session) Close() {
	s.fail(ErrExit)
	for _, g := range []*generation{s.next, s.active, s.old} {
		if g != nil {
			g.close()
		}
	}
	s.next, s.active, s.old = nil, nil, nil
}

// fail ends the session; the first reason stays. What is queued, such as a TLS
// alert, is still in the next Output.
func (s *Session) fail(err error) {
	s.emit(Closed{Err: err})
	if s.err == nil {
		s.err = err
	}
}

// emit reports an event. Nothing follows Closed, so that its owner can let go
// of what the session had.
func (s *Session) emit(e Event) {
	if s.err == nil {
		s.events = append(s.events, e)
	}
}

// Events returns what happened since the last call, in order.
func (s *Session) Events() []Event {
	events := s.events
	s.events = nil
	return events
}

func newSessionID() (id wire.SessionID) {
	rand.Read(id[:])
	return id
}

// identity is what must not change when keys are renewed.
type identity struct {
	commonName, username string
}

func identityOf(state tls.ConnectionState, username string) identity {
	return identity{commonName(state.PeerCertificates), username}
}

func commonName(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return ""
	}
	return chain[0].Subject.CommonName
}

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

// Permanent reports an end that comes again until people mend something: the
// peer, or this side, has said no. Silence may be over the next time, and so may
// damage on the way.
func (e *HandshakeError) Permanent() bool {
	return e.Err != nil && !errors.Is(e.Err, errFellSilent) && !garbled(e.Err)
}
