// Package event is what a client, or one of two paired hosts, reports while it
// runs: values for whoever watches it. The log is their first reader (Log);
// programs that manage, draw or count are others. Readers know nothing of the
// role, and the role nothing of them.
//
// A connection goes through Resolving, Connecting, Answered, Asking (a client),
// Pushed (a client), Secured, Configuring, Configured and Up. Lost and
// Reconnecting lead back to the beginning, and Ended is the last event, except
// AdapterClosed.
package event

import (
	"crypto/x509"
	"net/netip"
	"time"

	"culvert/session"
	"culvert/session/wire"
)

// Event is one of the types of this package.
type Event interface{ event() }

// Remote is the other end as it is tried or reached.
type Remote struct {
	Host  string         // as the configuration names it; "" for one that called
	Proto string         // "udp" or "tcp"
	Addr  netip.AddrPort // where packets go; not valid where that is not known
	// Proxy reports that Addr is a proxy, which connects to Host by itself.
	Proxy bool
}

// String is the host, protocol and address, as far as they are known.
func (r Remote) String() string {
	switch {
	case r.Proxy:
		return r.Host + " (" + r.Proto + " through a proxy at " + r.Addr.String() + ")"
	case r.Host != "":
		return r.Host + " (" + r.Proto + " " + r.Addr.String() + ")"
	case r.Addr.IsValid():
		return r.Addr.String()
	}
	return ""
}

// Resolving reports that the addresses of a name are being looked up.
type Resolving struct{ Host string }

// Listening reports that the other end may call, at Addr.
type Listening struct {
	Addr    netip.AddrPort
	Adapter string
}

// Connecting reports that this end calls the other one. AwaitingKey reports that it
// knows the address but has to wait for a call: the other end brings the key of the
// control channel (tls-crypt-v2).
type (
	Connecting  struct{ Remote Remote }
	AwaitingKey struct{ Remote Remote }
)

// Answered reports the first packet from the other end that proved authentic:
// from now on the two authenticate each other.
type Answered struct{ Remote Remote }

// Asking reports that a client has authenticated itself, and asks the server for
// its settings.
type Asking struct{}

// Delayed reports a handshake that takes long.
type Delayed struct {
	Remote Remote
	Stage  string // how far it came, and what may be wrong
	Clock  string // that the other end's clock is another; "" if that is not known
}

// Secured reports that the handshake is done and data can pass.
type Secured struct {
	Remote      Remote
	TLS         string            // version, suite, group and certificate in a line; "" with a static key
	Certificate *x509.Certificate // of the other end; nil where it showed none
	Data        string            // the data channel in a line
	Cipher      string            // of the data channel
	PeerID      wire.PeerID
	Course      session.Course // the zero value with a static key
}

// Pushed reports the options that the server pushed. PushUpdated reports what it
// changed later (PUSH_UPDATE). Neither holds tokens.
type (
	Pushed struct {
		Options []string
		Ignored []string // those that make no sense, each with the reason
	}
	PushUpdated struct {
		Options    []string // that came
		Skipped    []string // those of Options that had no effect
		IPv4, IPv6 netip.Addr
	}
)

// Route is a network behind the tunnel, or one that is kept out of it.
type Route struct {
	Dst  netip.Prefix
	Via  netip.Addr // not valid: the adapter itself
	Past bool       // leads past the tunnel
}

// Configuring reports what the adapter and this host are about to be set to.
type Configuring struct {
	Addresses []netip.Prefix
	Peers     []netip.Addr // the far ends of point-to-point addresses
	Routes    []Route
	DNS       []netip.Addr
	MTU       int
}

// Configured reports that the adapter is up, and what was changed on this host
// for it.
type Configured struct {
	Adapter string
	Changes []string // a line each, in words
	Partial error    // what could not be had; nil: all was
}

// AdapterClosed reports that the adapter is gone and this host as before.
type AdapterClosed struct{ Adapter string }

// Up reports that the tunnel carries packets.
type Up struct {
	Remote     Remote
	Adapter    string
	IPv4, IPv6 netip.Addr // this end's inside the tunnel; not valid: none
	// Local is this end's outer address, of a TCP connection or as `local` says; else it
	// is not valid.
	Local netip.AddrPort
}

// Renewed reports new keys, and RenewalFailed that the old ones stay in use.
type (
	Renewed struct {
		Key         wire.KeyID
		TLS         string
		Certificate *x509.Certificate
		Course      session.Course
	}
	RenewalFailed struct {
		Err    error
		Course session.Course
	}
)

// Moved reports that the other end is reached at another address (`float`).
type Moved struct{ From, To netip.AddrPort }

// Moving reports that a client brings up another connection beside the present one, to
// change over to it, and why. Up follows, or Stayed, with why it goes on with the present
// one.
type (
	Moving struct {
		Remote Remote
		Why    string
	}
	Stayed struct {
		Remote Remote // that it would have moved to
		Err    error
	}
)

// Portal reports that a captive portal answers in the server's place: people have to log
// in to this network first, at URL. Silent reports that nothing comes from the server on a
// connection that is up, and that no portal is to be seen.
type (
	Portal struct {
		Remote Remote
		URL    string
	}
	Silent struct {
		Remote Remote
		For    time.Duration
		Hint   string // what else is odd; "" for nothing
	}
)

// Woke reports that this host slept, or this process was stopped, for about that long.
type Woke struct{ Slept time.Duration }

// LoginAsked reports what users have to do before the server lets them in: open URL,
// answer Question, or read what the server says.
type LoginAsked struct {
	URL      string
	Question string
	Answer   bool   // the server waits for an answer to Question
	Text     string // of a step that is not known here
}

// LoginFailed reports that the user did not give what was asked for.
type LoginFailed struct {
	Text string
	Err  error
}

// LoginPending reports that the server is still checking the login, and how long
// that may take. TokenGiven reports a token in place of the password.
type (
	LoginPending struct{ Timeout time.Duration }
	TokenGiven   struct{}
)

// Left reports that the other end said goodbye, and Lost that the connection was
// lost for another reason. Replaced reports that the other end began again: a
// new connection takes the place of the one before.
type (
	Left struct{ Remote Remote }
	Lost struct {
		Remote Remote
		Err    error
	}
	Replaced struct {
		Remote Remote
		Err    error
	}
)

// Failed reports a handshake that did not succeed. MoreFailed counts further ones,
// which were too many to report one by one.
type (
	Failed struct {
		Remote Remote
		Err    error
	}
	MoreFailed struct{ N int }
)

// Stranger reports somebody who was turned away, at a bounded rate for each
// address. Text says what they did.
type Stranger struct {
	From netip.AddrPort
	Text string
	Err  error
}

// Revoked reports that the certificate of the other end was revoked while it was
// connected; the connection ends.
type Revoked struct {
	Remote Remote
	Err    error
}

// Reconnecting reports that there is no connection, why, and when the next try
// is.
type Reconnecting struct {
	Err      error // nil where it was reported before
	Wait     time.Duration
	Failures int // in a row, since a connection worked; 0: it had worked just now
}

// Ended is reported once, when nothing more is tried. Asked reports whether the
// configuration asked for it (`inactive`, `ping-exit`). Err is nil if whoever runs
// this end did.
type Ended struct {
	Err   error
	Asked bool
}

// Remark is something that whoever runs this end should know. Message is what the
// other end had to say.
type (
	Remark struct {
		Text string
		Err  error // nil: none
	}
	Message struct{ Text string }
)

// Looped reports that a route of this host leads the tunnel's own packets into the
// tunnel. It is reported once.
type Looped struct{ Addr netip.Addr }

func (Resolving) event()     {}
func (Listening) event()     {}
func (Connecting) event()    {}
func (AwaitingKey) event()   {}
func (Answered) event()      {}
func (Asking) event()        {}
func (Delayed) event()       {}
func (Secured) event()       {}
func (Pushed) event()        {}
func (PushUpdated) event()   {}
func (Configuring) event()   {}
func (Configured) event()    {}
func (AdapterClosed) event() {}
func (Up) event()            {}
func (Renewed) event()       {}
func (RenewalFailed) event() {}
func (Moved) event()         {}
func (Portal) event()        {}
func (Silent) event()        {}
func (Woke) event()          {}
func (Moving) event()        {}
func (Stayed) event()        {}
func (LoginAsked) event()    {}
func (LoginFailed) event()   {}
func (LoginPending) event()  {}
func (TokenGiven) event()    {}
func (Left) event()          {}
func (Lost) event()          {}
func (Replaced) event()      {}
func (Failed) event()        {}
func (MoreFailed) event()    {}
func (Stranger) event()      {}
func (Revoked) event()       {}
func (Reconnecting) event()  {}
func (Ended) event()         {}
func (Remark) event()        {}
func (Message) event()       {}
func (Looped) event()        {}
