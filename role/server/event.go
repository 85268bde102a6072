package server

import (
	"log/slog"
	"net/netip"
	"time"

	"culvert/nic/frame"
	"culvert/session/wire"
)

// Event is something that happened on a server, to be read by whoever wants to
// know: Options.Events. It is a value that nobody changes. The types in this file
// are all there are.
//
// Every client that is Entering is Ended once, whatever comes between. Of
// strangers, who never say who they are, what may happen at any rate comes as
// counts and no more than a few times a minute.
type Event interface {
	// log writes the event's line. See eventlog.go.
	log(l *slog.Logger)
}

// About is the client of an event, as far as it is known then, and the time.
type About struct {
	At         time.Time
	Number     uint64 // of the client, as in ClientStatus.ID
	Name       string // common name or user name, "UNDEF" for none; "" before it has said
	CommonName string // of its certificate, "UNDEF" without
	User       string // "" without
	Serial     string // of its certificate, in hex; "" without
	Agent      string // version and platform
	Remote     netip.AddrPort
	Since      time.Time // its session began
}

// Entering is a client that has shown a good certificate, or needs none, and asks
// to come in.
type Entering struct{ About }

// LoginPending is a login that takes longer, at most Timeout.
type LoginPending struct {
	About
	Timeout time.Duration
}

// LoginRefused is a client whose user is not let in, or not any longer.
type LoginRefused struct {
	About
	Reason string // as the client is told; "" for none
	Err    error  // nothing could be checked
}

// KeyRefused is a client whose tls-crypt-v2 key is refused, before TLS.
type KeyRefused struct {
	About
	Err error
}

// Refused is a client that is known and does not come in all the same.
type Refused struct {
	About
	Reason string // as the client is told, if it is to know
	// Cause is the reason for the server's own people, where there is more to
	// say; else nil.
	Cause error
}

// Up is a client that is in.
type Up struct {
	About
	PeerID     wire.PeerID
	IPv4, IPv6 netip.Addr // not valid: none
	Cipher     string
	TLS, Data  string // control and data channel in words
}

// Renewed is a client whose keys were renewed.
type Renewed struct {
	About
	Key wire.KeyID
	TLS string // the control channel in words
}

// RenewalFailed is a client whose keys could not be renewed. The old ones stay in
// use.
type RenewalFailed struct {
	About
	Err error
}

// Moved is a client whose outer address changed from From to Remote; once a second
// at most.
type Moved struct {
	About
	From netip.AddrPort
}

// MoveRefused is a client whose packets come from the outer address of another, To,
// and which stays where it was; once a second at most.
type MoveRefused struct {
	About
	To netip.AddrPort
}

// Idle is a client that is cut off for carrying less than `inactive` asks for.
type Idle struct{ About }

// Replaced is a client whose place another one of its name takes, from address By.
type Replaced struct {
	About
	By netip.AddrPort
}

// AddressClaimed is a client that is cut off, since its address is Owner's by
// client-config-dir.
type AddressClaimed struct {
	About
	Address netip.Addr
	Owner   string
}

// ShutOut is a client whose certificate was revoked while it was in.
type ShutOut struct {
	About
	Err error
}

// Disconnected is a client that was sent away by Server.Disconnect.
type Disconnected struct {
	About
	Message string // it was told
}

// Ending is how a session ended.
type Ending int

const (
	// Lost: nothing was heard any more, or something went wrong (Ended.Err).
	Lost Ending = iota
	// Left: the client said so.
	Left
	// Dismissed: this server sent it away.
	Dismissed
	// MadeRoom: it was not in yet, and made room for a newcomer.
	MadeRoom
)

// Ended is a client that is gone, and what its session came to.
type Ended struct {
	About
	How        Ending
	Err        error      // why
	WasUp      bool       // it was in
	IPv4, IPv6 netip.Addr // that it had; not valid: none
	Traffic    Traffic
}

// Traffic is what a session carried: packets of the inner network, and the bytes of
// the data channel's, framing included; In is received from the client.
type Traffic struct{ PacketsIn, PacketsOut, BytesIn, BytesOut uint64 }

// Stuck is a client that does not get on with its handshake.
type Stuck struct {
	About
	Stage string // where, in words
}

// Remark is something about a client's session that its server's people should
// know.
type Remark struct {
	About
	Text string
}

// Message is a control message of a client's that means nothing here.
type Message struct {
	About
	Text string
}

// BadSource is a client that sends from an inner address that is not leased to it;
// once a session.
type BadSource struct {
	About
	Source     netip.Addr
	IPv4, IPv6 netip.Addr // that are leased to it
}

// BadMAC is a client that sends frames from an Ethernet address that is another's;
// once a session.
type BadMAC struct {
	About
	MAC frame.MAC
}

// StationMoved is an Ethernet address that is behind another client than before.
// From and To are names, "the adapter" for the server's own side; once a second at
// most.
type StationMoved struct {
	Station  string // MAC@VLAN
	From, To string
}

// StationReturned is an Ethernet address that To has back from From, which had
// taken it.
type StationReturned struct {
	Station  string // MAC@VLAN
	From, To string
}

// Failed is somebody who did not get in and never said who they are.
type Failed struct {
	From netip.AddrPort
	Err  error
	// Times is how often it happened at this address, for this reason, since the
	// last event: 1 for the first.
	Times int
}

// FailedMore is how many more did not get in, beside those of Failed.
type FailedMore struct{ Count int }

// Displaced is how many clients had to make room for newcomers during their
// handshake, of so many that there is room for.
type Displaced struct{ Count, Room int }

// Postponed is how many newcomers have to try again, since more came than
// connect-freq allows: Limit in a time of In.
type Postponed struct {
	Count, Limit int
	In           time.Duration
}

// Stray is a first packet that opens no session.
type Stray struct {
	From      netip.AddrPort
	Err       error
	Diagnosis string // what the sender may have configured otherwise
}

// Flooded is a network from which more first packets come than are answered.
type Flooded struct {
	From netip.Prefix
	Err  error
}

// Silent is a TCP connection that ended without a session.
type Silent struct {
	From netip.AddrPort
	Err  error
}

// Restarting is the server when all clients are to connect anew.
type Restarting struct{}

// PushChanged is a PushUpdate that was sent, and to whom.
type PushChanged struct {
	Options []string
	Updated
}
