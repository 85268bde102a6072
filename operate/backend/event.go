package backend

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"culvert/internal/printable"
)

// Kind is what happened.
type Kind string

// The kinds of events. A peer of a server goes through Entering, Up and Left, or
// through Entering, perhaps Refused, and Left. A client, or one of two hosts, goes
// through Connecting to Up, and to Left when the connection is over. Reconnecting
// leads back to the beginning.
const (
	// Resolving: the addresses of a name are looked up (Remote).
	Resolving Kind = "resolving"
	// Connecting: the other end is called, or expected to call.
	Connecting Kind = "connecting"
	// Answered: the other end's first authentic packet came.
	Answered Kind = "answered"
	// Secured: both ends know who the other one is.
	Secured Kind = "secured"
	// Asking: a client asks the server for its settings.
	Asking Kind = "asking"
	// Pushed: Options came from the server, or go to clients.
	Pushed Kind = "pushed"
	// Configuring and Configured: the adapter, and this host (Changes).
	Configuring Kind = "configuring"
	Configured  Kind = "configured"
	// Deconfigured: the adapter is gone, and this host is as before.
	Deconfigured Kind = "deconfigured"
	// Login: a login takes longer, or asks for something (Reason, URL, Wait).
	Login Kind = "login"
	// Entering: a peer of a server has shown a good certificate, or needs none.
	Entering Kind = "entering"
	// Up: packets can pass.
	Up Kind = "up"
	// Renewed: a peer has new keys. NotRenewed: the old ones stay in use.
	Renewed    Kind = "renewed"
	NotRenewed Kind = "not-renewed"
	// Ending: the certificate of a server's client, connected or not, ends soon (Reason).
	Ending Kind = "ending"
	// Moved: a peer's outer address changed from From to Remote.
	Moved Kind = "moved"
	// Moving: a client brings up another connection beside the present one, to Remote, and
	// says why (Reason). Up follows, or Stayed: it goes on with the present one (Reason).
	Moving Kind = "moving"
	Stayed Kind = "stayed"
	// Portal: a captive portal answers in the server's place; URL is where to log in to
	// the network. Silent: nothing comes from the server, for Wait by now.
	Portal Kind = "portal"
	Silent Kind = "silent"
	// Woke: this host slept, or the process was stopped, for about Wait.
	Woke Kind = "woke"
	// Refused: a peer is known and does not come in.
	Refused Kind = "refused"
	// CutOff: a peer is sent away. Left follows.
	CutOff Kind = "cut-off"
	// Left: a peer is gone. Bytes and packets are those of its session.
	Left Kind = "left"
	// Failed: somebody did not get in and never said who they are, Count times.
	Failed Kind = "failed"
	// Reconnecting: there is no connection; the next try is in Wait.
	Reconnecting Kind = "reconnecting"
	// Restarting: a server has all its peers connect anew.
	Restarting Kind = "restarting"
	// Ended: nothing more is tried. Reason is "" where that was wanted.
	Ended Kind = "ended"
	// Remark: something that people should know (Reason).
	Remark Kind = "remark"
	// Message: a peer had something to say (Reason).
	Message Kind = "message"
	// Missed: this reader was too slow for Count events, which were here.
	Missed Kind = "missed"
)

// Event is something that happened to a tunnel, for all readers in the same words.
// Which fields are set depends on the Kind; names are as peers gave them. It is a
// value, which nobody changes.
type Event struct {
	Time time.Time `json:"time" doc:"when it happened"`
	Kind Kind      `json:"event" doc:"what happened: a kind of event, such as up, renewed or left"`
	// Number is that of Peer.Number; nil: the event is about none.
	Number *uint64 `json:"number,omitempty" doc:"the number of the session of a server's peer; absent where the event is about none"`
	Name   string  `json:"name,omitempty" doc:"the peer's name: that of its certificate, most often"`
	User   string  `json:"user,omitempty" doc:"the user name with which the peer logged in, as it gave it"`
	Serial string  `json:"serial,omitempty" doc:"the serial number of the peer's certificate, in hex"`
	Agent  string  `json:"agent,omitempty" doc:"the peer's program and platform, as it gave them"`
	// Remote is the outer address of a peer, or what is known of it.
	Remote  string     `json:"remote,omitempty" doc:"the peer's outer address and port, or the name that is looked up"`
	From    string     `json:"from,omitempty" doc:"with moved, the outer address and port before"`
	IPv4    netip.Addr `json:"ipv4,omitzero" doc:"the IPv4 address in the tunnel: the client's with a server, else this end's"`
	IPv6    netip.Addr `json:"ipv6,omitzero" doc:"the IPv6 address in the tunnel: the client's with a server, else this end's"`
	Cipher  string     `json:"cipher,omitempty" doc:"the cipher of the data channel, such as AES-256-GCM"`
	TLS     string     `json:"tls,omitempty" doc:"the control channel in words: version of TLS, cipher suite, key exchange"`
	Adapter string     `json:"adapter,omitempty" doc:"the tunnel's adapter"`
	Reason  string     `json:"reason,omitempty" doc:"why, in words"`
	URL     string     `json:"url,omitempty" doc:"with login and portal, a page for people to open"`
	Options []string   `json:"options,omitempty" doc:"with pushed, the options that were pushed"`
	Changes []string   `json:"changes,omitempty" doc:"with configuring and configured, what changes on this host, a line each"`
	Since   time.Time  `json:"since,omitzero" doc:"when the peer's session began"`
	// Wait is a time to come, in nanoseconds.
	Wait       time.Duration `json:"wait,omitempty" doc:"in nanoseconds: with reconnecting the time until the next try, with login how long it may take, with silent and woke how long that was"`
	PacketsIn  uint64        `json:"packets_in,omitempty" doc:"with left, packets of the inner network that came from the peer in its session"`
	PacketsOut uint64        `json:"packets_out,omitempty" doc:"with left, packets of the inner network that went to it"`
	BytesIn    uint64        `json:"bytes_in,omitempty" doc:"with left, bytes of the data channel that came from the peer in its session"`
	BytesOut   uint64        `json:"bytes_out,omitempty" doc:"with left, bytes of the data channel that went to it"`
	Count      uint64        `json:"count,omitempty" doc:"how many times: with failed those who did not get in, with reconnecting the tries that failed one after the other, with missed the events"`
	// Handshake is how the handshake that the event is about goes, or went: of a peer of a
	// server that is Entering, Refused, Up or Left without having been Up; of another peer
	// that is Secured; and of a renewal, Renewed or NotRenewed.
	Handshake *Handshake `json:"handshake,omitempty" doc:"how the handshake goes, or went, that the event is about"`
	Ending    string     `json:"ending,omitempty" doc:"with left, how a server's client left: left (it said so), dismissed (this server sent it away, or ended) or lost"`
}

// Append appends the event as a line of text.
func (e *Event) Append(b []byte) []byte {
	b = fmt.Appendf(b, "%s  %-12s", e.Time.Local().Format(time.DateTime), e.Kind)
	word := func(format, text string) {
		if text != "" {
			b = fmt.Appendf(b, "  "+format, printable.Name(text))
		}
	}
	word("%s", e.Name)
	if e.User != e.Name {
		word("user %s", e.User)
	}
	word("%s", e.Remote)
	word("from %s", e.From)
	for _, a := range []netip.Addr{e.IPv4, e.IPv6} {
		if a.IsValid() {
			b = fmt.Appendf(b, "  %v", a)
		}
	}
	word("%s", e.Cipher)
	word("on %s", e.Adapter)
	word("options: %s", strings.Join(e.Options, ", "))
	word("changes: %s", strings.Join(e.Changes, ", "))
	word("%s", e.Reason)
	word("%s", e.URL)
	if e.Wait > 0 {
		b = fmt.Appendf(b, "  %v", e.Wait.Round(time.Second))
	}
	if e.Kind == Left {
		b = fmt.Appendf(b, "  %d bytes in, %d out", e.BytesIn, e.BytesOut)
	}
	if e.Kind == Missed {
		return fmt.Appendf(b, "  %d events, since they came faster than they could be written\n", e.Count)
	}
	if e.Count > 1 {
		b = fmt.Appendf(b, "  %d times", e.Count)
	}
	return append(b, '\n')
}
