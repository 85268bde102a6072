package server

import (
	"log/slog"
	"net/netip"
	"time"

	"culvert/access"
	"culvert/nic/frame"
	"culvert/session/wire"
)

// Event is something that happened on a server; Options.Events receives it. It is a
// value that nobody changes. The types in this file, and BadSource, are all there are.
//
// Every client that is Entering is Ended once, whatever comes between. Strangers,
// who never say who they are, can cause some events at any rate; those come as
// counts, no more than a few times a minute.
type Event interface {
	// log writes the event's line. See eventlog.go.
	log(l *slog.Logger)
}

// About is the client of an event, as far as it is known then, and the time.
type About struct {
	At         time.Time
	Number     uint64 // of the client, as in ClientStatus.ID
	Name       string // common name or user name, "UNDEF" for none; "" while not known
	CommonName string // of its certificate, "UNDEF" without one
	User       string // "" without
	Serial     string // of its certificate, in hex; "" without
	Agent      string // version and platform
	Remote     netip.AddrPort
	Since      time.Time // when its session began
	// Applicant is what else is known of the client, such as its certificates and what
	// programs are told about it then (access.Applicant.Env). It is never nil, and must
	// not be changed.
	Applicant *access.Applicant
}

// Entering is a client that has shown a good certificate, or needs none, and asks
// to come in.
type Entering struct {
	About
	Handshake Handshake
}

// LoginPending is a login that takes longer, up to Timeout.
type LoginPending struct {
	About
	Timeout time.Duration
}

// LoginRefused is a client whose user may not come in, or may no longer stay.
type LoginRefused struct {
	About
	Reason string // what the client is told; "" for nothing
	Err    error  // why nothing could be checked; else nil
	// Handshake is its first one, or the renewal of its keys.
	Handshake Handshake
}

// KeyRefused is a client whose tls-crypt-v2 key is refused, before TLS.
type KeyRefused struct {
	About
	Err       error
	Handshake Handshake
}

// Refused is a client that was identified but may not come in.
type Refused struct {
	About
	Reason string // what the client is told, if anything
	// Cause is the reason for the server's own people, if there is more to say;
	// else nil.
	Cause     error
	Handshake Handshake
}

// Up is a client that is in.
type Up struct {
	About
	PeerID     wire.PeerID
	IPv4, IPv6 netip.Addr // not valid: none
	Cipher     string
	TLS, Data  string // control and data channel in words
	Handshake  Handshake
}

// Renewed is a client whose keys were renewed.
type Renewed struct {
	About
	Key       wire.KeyID
	TLS       string    // the control channel in words
	Handshake Handshake // the renewal's
}

// Certified is a client that was given its next certificate over its session.
type Certified struct {
	About
	Next string    // the serial number of the certificate, in hex
	Ends time.Time // when it does
}

// CertificateEnding is a client, connected or not, whose certificate ends within Days: 30, 14
// or 7. Each of them is reported once.
type CertificateEnding struct {
	At         time.Time
	CommonName string
	Serial     string // of the certificate, in hex
	Ends       time.Time
	Days       int
	// Ready is where the next profile waits to be handed over; "": nowhere. Mend is what
	// to do, in words.
	Ready, Mend string
}

// RenewalFailed is a client whose keys could not be renewed. The old ones stay in
// use.
type RenewalFailed struct {
	About
	Err       error
	Handshake Handshake // the renewal's
}

// Moved is a client whose outer address changed from From to Remote; once a second
// at most.
type Moved struct {
	About
	From netip.AddrPort
}

// MoveRefused is a client whose packets come from To, the outer address of another
// client. It stays where it was. Once a second at most.
type MoveRefused struct {
	About
	To netip.AddrPort
}

// Idle is a client that is cut off for carrying less than `inactive` asks for.
type Idle struct{ About }

// Expired is a client that is sent away because its session has lasted as long as
// session-timeout allows. It may come again at once, with its login.
type Expired struct{ About }

// Replaced is a client whose place another client of its name takes, from address By. It
// was silent for that long: one that was silent is most likely back, and one that was not
// is another device.
type Replaced struct {
	About
	By     netip.AddrPort
	Silent time.Duration
	// Again: that the profile is on two devices was asked not long ago.
	Again bool
}

// AddressClaimed is a client that is cut off because its address is Owner's own, by
// client-config-dir or a device's record.
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
	Message string // what it was told
}

// Ending is how a session ended.
type Ending int

const (
	// Lost: nothing more was heard, or something went wrong (Ended.Err).
	Lost Ending = iota
	// Left: the client said so.
	Left
	// Dismissed: this server sent it away.
	Dismissed
	// MadeRoom: it was not in yet, and had to make room for a newcomer.
	MadeRoom
)

// Ended is a client that is gone, with a summary of its session.
type Ended struct {
	About
	How   Ending
	Err   error // why it ended
	After Event // by which this server sent it away, the first of them; nil: by none
	WasUp bool  // whether it was in
	// Handshake is the one by which it did not come in; the zero value if it was in.
	Handshake  Handshake
	IPv4, IPv6 netip.Addr // its inner addresses; not valid: none
	Traffic    Traffic
}

// Traffic is what a session carried: packets of the inner network, and bytes of data
// channel packets, framing included. In is what came from the client.
type Traffic struct{ PacketsIn, PacketsOut, BytesIn, BytesOut uint64 }

// Stuck is a client whose handshake makes no progress.
type Stuck struct {
	About
	Stage string // where it is stuck, in words
}

// StuckMore is how many more made no progress, besides those reported by Stuck and
// Unreached.
type StuckMore struct{ Count int }

// Remark is something about a client's session that the server's people should know.
type Remark struct {
	About
	Text string
}

// Overdue is a client about which a program did not decide before the client's time was
// over or it was gone. Once a minute for each address and program.
type Overdue struct {
	About
	Err error // names the program; a *hooks.OverdueError
	// Times is how often this has happened at this address: 1 for the first.
	Times int
}

// Message is a control message from a client that means nothing here.
type Message struct {
	About
	Text string
}

// BadMAC is a client that sends frames from an Ethernet address that belongs to
// another. Once a session.
type BadMAC struct {
	About
	MAC frame.MAC
}

// Learned is a change of what leads to a client, as learn-address sees it: Address is an
// inner address, a network behind the client such as 10.2.0.0/16, or a station
// (MAC, MAC@VLAN).
type Learned struct {
	About
	Address string
	Change  AddressChange
	Refused error // why it does not lead there after all; nil: it does
}

// AddressChange is what became of an address.
type AddressChange int

const (
	// AddressAdded: it leads to the client from now on.
	AddressAdded AddressChange = iota
	// AddressUpdated: it led to another client before.
	AddressUpdated
	// AddressDeleted: it leads there no longer.
	AddressDeleted
)

// String returns the word that learn-address gets.
func (c AddressChange) String() string {
	return [...]string{"add", "update", "delete"}[c]
}

// StationMoved is an Ethernet address that is behind another client than before.
// From and To are names, "the adapter" for the server's own side. Once a second at
// most.
type StationMoved struct {
	Station  string // MAC@VLAN
	From, To string
}

// StationReturned is an Ethernet address that From had taken from To, and that is back
// at To.
type StationReturned struct {
	Station  string // MAC@VLAN
	From, To string
}

// Failed is somebody who did not get in and never said who they are.
type Failed struct {
	From netip.AddrPort
	Err  error
	// Times is how often this has happened at this address, for this reason: 1 for the
	// first.
	Times int
}

// FailedMore is how many more did not get in, besides those reported by Failed.
type FailedMore struct{ Count int }

// Displaced is how many clients had to make room for newcomers during their handshake.
// Room is how many sessions there is room for.
type Displaced struct{ Count, Room int }

// Postponed is how many newcomers have to try again because more came than
// connect-freq allows: Limit in a time of In.
type Postponed struct {
	Count, Limit int
	In           time.Duration
}

// Unanswered is how many first packets were dropped because more came than
// connect-freq-initial allows: Limit in a time of In.
type Unanswered struct {
	Count, Limit int
	In           time.Duration
}

// Stray is a first packet that opens no session.
type Stray struct {
	From      netip.AddrPort
	Err       error
	Diagnosis string // what the sender may have configured differently
}

// Unreached is a client whose first packet was answered each time that it came, and that
// never went on: the answer does not reach it, or what it sends then does not reach here.
// One that was answered only once may have measured the way.
type Unreached struct {
	From  netip.AddrPort
	Times int // how often it was answered
}

// Flooded is a source that sends more first packets than are answered, or begins more
// handshakes than it may.
type Flooded struct {
	From netip.Prefix
	Err  error
}

// Silent is a TCP connection that ended without a session.
type Silent struct {
	From netip.AddrPort
	Err  error
}

// Restarting is a server that makes all clients connect again.
type Restarting struct{}

// PushChanged is a PushUpdate that was sent, and whom it reached.
type PushChanged struct {
	Options []string
	Updated
}
