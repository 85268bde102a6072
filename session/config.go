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

// Config has the settings of this side of a session.
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
	// ForgetLogin makes a client forget Username and Password once they are
	// sent, and ask for them by LoginNeeded when keys are renewed
	// (auth-nocache). A token from the server replaces them.
	ForgetLogin bool
	// FilterPushed returns those of a server's pushed options that the client
	// takes. An error ends the session. nil takes all.
	FilterPushed func(options []string) ([]string, error)
	// Reauthenticate makes a server ask, by Reauth, whether a client may stay
	// when its keys are renewed.
	Reauthenticate bool

	HandWindow time.Duration // the time limit for a handshake
	TranWindow time.Duration // how long old keys still open packets
	TLSTimeout time.Duration // until the first retransmission, before a round trip is measured
	RenegAfter time.Duration // age at which keys are renewed; 0: never
	// RenegLeast is the lowest age at which keys are renewed: the age is drawn
	// between it and RenegAfter, so that the sessions of a server do not all
	// renew at once. 0 stands for RenegAfter.
	RenegLeast time.Duration
	// RenegBytes and RenegPackets are the traffic, both ways together, at
	// which keys are renewed; 0: never.
	RenegBytes, RenegPackets int64

	Timers Timers // when to ping, and how much silence to bear

	// Digest authenticates packets under ciphers that are not AEAD. Insecure
	// allows no digest, and the cipher NONE.
	Digest   digest.Digest
	Insecure bool
	// Compression is the framing to use when nothing else decides.
	// RefuseCompressed drops compressed packets.
	Compression      wire.Compression
	RefuseCompressed bool
	// Fragment is the longest datagram of the data channel in bytes of
	// payload; longer ones are cut where the peer understands it. 0: no limit.
	Fragment int
	// MuteReplays keeps replayed packets out of the log.
	MuteReplays bool

	ReplayWindow int
	ReplayTime   time.Duration
	Limits       seal.Limits // of AEAD use; zero for the safe ones

	MaxPacket int // control packets, bytes; 0: DefaultMaxPacket
}

// pulls reports whether this side is a client that a server pushes to.
func (c *Config) pulls() bool { return !c.Server && !c.P2P }
