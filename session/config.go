package session

import (
	"crypto/tls"
	"time"

	"culvert/internal/digest"
	"culvert/session/negotiate"
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

// pulls reports a client that a server pushes to.
func (c *Config) pulls() bool { return !c.Server && !c.P2P }
