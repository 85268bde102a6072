package backend

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"time"

	"culvert/access/pki"
	"culvert/role/event"
	"culvert/role/server"
)

// fromRole is an event of a client, or of one of two hosts, for all readers.
func fromRole(e event.Event, now time.Time) Event {
	for _, translate := range []func(event.Event) (Event, bool){fromConnecting, fromConnection, fromOthers} {
		if out, ok := translate(e); ok {
			out.Time = now
			return out
		}
	}
	return Event{Time: now, Kind: Remark, Reason: fmt.Sprintf("%T", e)}
}

// fromConnecting translates the way to a connection.
func fromConnecting(e event.Event) (out Event, ok bool) {
	switch e := e.(type) {
	case event.Resolving:
		out = Event{Kind: Resolving, Remote: e.Host}
	case event.Listening:
		out = Event{Kind: Connecting, Adapter: e.Adapter, Reason: fmt.Sprintf("the other end may call, at %v", e.Addr)}
	case event.Connecting:
		out = Event{Kind: Connecting, Remote: e.Remote.String()}
	case event.AwaitingKey:
		out = Event{Kind: Connecting, Remote: e.Remote.String(), Reason: "the other end has to call, since it brings the key"}
	case event.Answered:
		out = Event{Kind: Answered, Remote: e.Remote.String()}
	case event.Secured:
		out = Event{Kind: Secured, Remote: e.Remote.String(), TLS: e.TLS, Cipher: e.Cipher, Name: commonName(e.Certificate), Serial: serial(e.Certificate),
			Handshake: ended(e.Course, server.Completed)}
	case event.Asking:
		out = Event{Kind: Asking}
	case event.Pushed:
		out = Event{Kind: Pushed, Options: e.Options}
	case event.PushUpdated:
		out = Event{Kind: Pushed, Options: e.Options, IPv4: e.IPv4, IPv6: e.IPv6}
	case event.Configuring:
		out = Event{Kind: Configuring}
		for _, a := range e.Addresses {
			if a.Addr().Is4() {
				out.IPv4 = a.Addr()
			} else {
				out.IPv6 = a.Addr()
			}
		}
	case event.Configured:
		out = Event{Kind: Configured, Adapter: e.Adapter, Changes: e.Changes, Reason: text(e.Partial)}
	case event.AdapterClosed:
		out = Event{Kind: Deconfigured, Adapter: e.Adapter}
	default:
		return out, false
	}
	return out, true
}

// fromConnection translates the life of a connection.
func fromConnection(e event.Event) (out Event, ok bool) {
	switch e := e.(type) {
	case event.Up:
		out = Event{Kind: Up, Remote: e.Remote.String(), Adapter: e.Adapter, IPv4: e.IPv4, IPv6: e.IPv6}
	case event.Renewed:
		out = Event{Kind: Renewed, TLS: e.TLS, Name: commonName(e.Certificate), Serial: serial(e.Certificate), Handshake: ended(e.Course, server.Completed)}
	case event.RenewalFailed:
		out = Event{Kind: NotRenewed, Reason: text(e.Err), Handshake: ended(e.Course, server.Broken)}
	case event.Moved:
		out = Event{Kind: Moved, From: e.From.String(), Remote: e.To.String()}
	case event.Moving:
		out = Event{Kind: Moving, Remote: e.Remote.String(), Reason: e.Why}
	case event.Portal:
		out = Event{Kind: Portal, Remote: e.Remote.String(), URL: e.URL, Reason: "log in to this network first"}
	case event.Silent:
		out = Event{Kind: Silent, Remote: e.Remote.String(), Wait: e.For, Reason: e.Hint}
	case event.Woke:
		out = Event{Kind: Woke, Wait: e.Slept}
	case event.Stayed:
		out = Event{Kind: Stayed, Remote: e.Remote.String(), Reason: text(e.Err)}
	case event.Left:
		out = Event{Kind: Left, Remote: e.Remote.String(), Reason: "it said that it leaves"}
	case event.Lost:
		out = Event{Kind: Left, Remote: e.Remote.String(), Reason: text(e.Err)}
	case event.Replaced:
		out = Event{Kind: Left, Remote: e.Remote.String(), Reason: text(e.Err)}
	case event.Revoked:
		out = Event{Kind: CutOff, Remote: e.Remote.String(), Reason: text(e.Err)}
	case event.Reconnecting:
		out = Event{Kind: Reconnecting, Reason: text(e.Err), Wait: e.Wait, Count: uint64(e.Failures)}
	case event.Ended:
		out = Event{Kind: Ended, Reason: text(e.Err)}
	default:
		return out, false
	}
	return out, true
}

// fromOthers translates logins, failures and what people should know.
func fromOthers(e event.Event) (out Event, ok bool) {
	switch e := e.(type) {
	case event.LoginAsked:
		out = Event{Kind: Login, Reason: cmp.Or(e.Question, e.Text), URL: e.URL}
	case event.LoginFailed:
		out = Event{Kind: Login, Reason: reason(e.Text, e.Err)}
	case event.LoginPending:
		out = Event{Kind: Login, Reason: "the login takes longer", Wait: e.Timeout}
	case event.TokenGiven:
		out = Event{Kind: Login, Reason: "the server gave a token in place of the password"}
	case event.Failed:
		out = Event{Kind: Failed, Remote: e.Remote.String(), Reason: text(e.Err), Count: 1}
	case event.MoreFailed:
		out = Event{Kind: Failed, Reason: "more that did not get in", Count: uint64(e.N)}
	case event.Stranger:
		out = Event{Kind: Failed, Remote: e.From.String(), Reason: reason(e.Text, e.Err), Count: 1}
	case event.Delayed:
		out = Event{Kind: Remark, Remote: e.Remote.String(), Reason: e.Stage}
		if e.Clock != "" {
			out.Reason += "; " + e.Clock
		}
	case event.Remark:
		out = Event{Kind: Remark, Reason: reason(e.Text, e.Err)}
	case event.Message:
		out = Event{Kind: Message, Reason: e.Text}
	case event.Looped:
		out = Event{Kind: Remark, Remote: e.Addr.String(), Reason: "a route of this host leads the tunnel's own packets into the tunnel"}
	default:
		return out, false
	}
	return out, true
}

// reason is a text and what caused it.
func reason(what string, err error) string {
	if err == nil {
		return what
	}
	return what + ": " + err.Error()
}

func commonName(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	return c.Subject.CommonName
}

func serial(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	return pki.SerialHex(c)
}
