package backend

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"culvert/role/server"
)

// fromServer is an event of a server for all readers.
func fromServer(e server.Event, now time.Time) Event {
	if out, ok := fromClient(e); ok {
		return out
	}
	if out, ok := fromStranger(e); ok {
		out.Time = now
		return out
	}
	out := Event{Time: now, Kind: Remark}
	switch e := e.(type) {
	case server.StationMoved:
		out.Reason = fmt.Sprintf("station %s is behind %s, and was behind %s", e.Station, e.To, e.From)
	case server.StationReturned:
		out.Reason = fmt.Sprintf("station %s is behind %s again, and was behind %s", e.Station, e.To, e.From)
	case server.CertificateEnding:
		out.Kind, out.Time, out.Name, out.Serial = Ending, e.At, e.CommonName, e.Serial
		out.Reason = fmt.Sprintf("its certificate ends on %s, within %d days; %s", e.Ends.UTC().Format(time.DateOnly), e.Days, e.Mend)
	case server.Restarting:
		out.Kind = Restarting
	case server.PushChanged:
		out.Kind, out.Options, out.Count = Pushed, e.Options, uint64(len(e.Told))
	}
	return out
}

// about is an event of a server's client.
func about(kind Kind, a server.About) Event {
	return Event{
		Time: a.At, Kind: kind, Number: &a.Number, Name: a.Name, User: a.User, Serial: a.Serial, Agent: a.Agent,
		Remote: address(a.Remote), Since: a.Since,
	}
}

// address is one as text, "" where it is not valid.
func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// why is about with a reason.
func why(kind Kind, a server.About, format string, args ...any) Event {
	out := about(kind, a)
	out.Reason = fmt.Sprintf(format, args...)
	return out
}

// fromClient translates what happens to one client on its way in and out.
func fromClient(e server.Event) (out Event, ok bool) {
	switch e := e.(type) {
	case server.Entering:
		out = about(Entering, e.About)
		out.Handshake = handshakeOf(e.Handshake)
	case server.LoginPending:
		out = why(Login, e.About, "the login takes longer")
		out.Wait = e.Timeout
	case server.LoginRefused:
		out = why(Refused, e.About, "%s", cmp.Or(text(e.Err), e.Reason, "user name or password is wrong"))
		out.Handshake = handshakeOf(e.Handshake)
	case server.KeyRefused:
		out = why(Refused, e.About, "%v", e.Err)
		out.Handshake = handshakeOf(e.Handshake)
	case server.Refused:
		out = why(Refused, e.About, "%s", cmp.Or(text(e.Cause), e.Reason))
		out.Handshake = handshakeOf(e.Handshake)
	case server.Up:
		out = about(Up, e.About)
		out.IPv4, out.IPv6, out.Cipher, out.TLS = e.IPv4, e.IPv6, e.Cipher, e.TLS
		out.Handshake = handshakeOf(e.Handshake)
	case server.Renewed:
		out = about(Renewed, e.About)
		out.TLS, out.Handshake = e.TLS, handshakeOf(e.Handshake)
	case server.RenewalFailed:
		out = why(NotRenewed, e.About, "%v", e.Err)
		out.Handshake = handshakeOf(e.Handshake)
	case server.Moved:
		out = about(Moved, e.About)
		out.From = e.From.String()
	case server.Ended:
		out = about(Left, e.About)
		out.Reason, out.Ending, out.IPv4, out.IPv6, out.Handshake = ending(e), endings[e.How], e.IPv4, e.IPv6, handshakeOf(e.Handshake)
		out.PacketsIn, out.PacketsOut, out.BytesIn, out.BytesOut = e.Traffic.PacketsIn, e.Traffic.PacketsOut, e.Traffic.BytesIn, e.Traffic.BytesOut
	default:
		return fromCutOff(e)
	}
	return out, true
}

// fromCutOff translates why a client is sent away, and what else there is to say of
// one.
func fromCutOff(e server.Event) (out Event, ok bool) {
	switch e := e.(type) {
	case server.Idle:
		out = why(CutOff, e.About, "it carried less than `inactive` asks for")
	case server.Expired:
		out = why(CutOff, e.About, "its session has lasted as long as `session-timeout` allows")
	case server.Replaced:
		out = why(CutOff, e.About, "another client of its name, from %v, takes its place", e.By)
	case server.AddressClaimed:
		out = why(CutOff, e.About, "its address %v belongs to %s", e.Address, e.Owner)
	case server.ShutOut:
		out = why(CutOff, e.About, "%v", e.Err)
	case server.Disconnected:
		out = why(CutOff, e.About, "%s", disconnected(e.Message))
	case server.MoveRefused:
		out = why(Remark, e.About, "its packets come from another client's outer address, %v", e.To)
	case server.Stuck:
		out = why(Remark, e.About, "its handshake does not go on: %s", e.Stage)
	case server.Certified:
		out = why(Remark, e.About, "it has its next certificate, valid until %s", e.Ends.UTC().Format(time.DateOnly))
	case server.Remark:
		out = why(Remark, e.About, "%s", e.Text)
	case server.Overdue:
		out = why(Remark, e.About, "%v", e.Err)
	case server.Message:
		out = why(Message, e.About, "%s", e.Text)
	case server.BadSource:
		out = why(Remark, e.About, "it sends from %v, which is not leased to it: %s", e.Source, e.Text())
	case server.Learned:
		out = why(Remark, e.About, "%s %s", e.Change, e.Address)
		if e.Refused != nil {
			out.Reason = fmt.Sprintf("%s is not used: %v", e.Address, e.Refused)
		}
	case server.BadMAC:
		out = why(Remark, e.About, "it sends from the Ethernet address %v of another", e.MAC)
	default:
		return out, false
	}
	return out, true
}

// disconnected is why a client that an operator sent away with a message is gone.
func disconnected(message string) string {
	const why = "disconnected by the operator"
	if message == "" || message == "RESTART" { // which asks it to come again, and says no more
		return why
	}
	return why + ": " + message
}

// CutOffReason is why an event sends a client away, "" where it does not.
func CutOffReason(e server.Event) string {
	if out, ok := fromCutOff(e); ok && out.Kind == CutOff {
		return out.Reason
	}
	return ""
}

// endings are the words for how a client left. One that was not in yet, and made room, is lost.
var endings = map[server.Ending]string{server.Lost: "lost", server.Left: "left", server.Dismissed: "dismissed", server.MadeRoom: "lost"}

// ending says how a client's session ended.
func ending(e server.Ended) string {
	if why := CutOffReason(e.After); why != "" {
		return why
	}
	switch e.How {
	case server.Left:
		return "it said that it leaves"
	case server.MadeRoom:
		return "it made room for a newcomer"
	case server.Dismissed:
		return cmp.Or(text(e.Err), "it was sent away")
	}
	return text(e.Err)
}

// fromStranger translates what those did who never said who they are.
func fromStranger(e server.Event) (out Event, ok bool) {
	out = Event{Kind: Failed, Count: 1}
	switch e := e.(type) {
	case server.Failed:
		out.Remote, out.Reason, out.Count = e.From.String(), text(e.Err), uint64(e.Times)
	case server.FailedMore:
		out.Reason, out.Count = "more that did not get in", uint64(e.Count)
	case server.StuckMore:
		out.Reason, out.Count = "more that are stuck in their handshake", uint64(e.Count)
	case server.Displaced:
		out.Reason, out.Count = fmt.Sprintf("made room for newcomers, of %d in their handshake", e.Room), uint64(e.Count)
	case server.Postponed:
		out.Reason, out.Count = fmt.Sprintf("more newcomers than the %d in %v that connect-freq allows", e.Limit, e.In), uint64(e.Count)
	case server.Unanswered:
		out.Reason, out.Count = fmt.Sprintf("more first packets than the %d in %v that connect-freq-initial allows", e.Limit, e.In), uint64(e.Count)
	case server.Stray:
		out.Remote, out.Reason = e.From.String(), cmp.Or(e.Diagnosis, text(e.Err))
	case server.Flooded:
		out.Remote, out.Reason = e.From.String(), text(e.Err)
	case server.Unreached:
		out.Remote, out.Reason, out.Count = e.From.String(), "answers do not reach it, or what it sends then does not reach this server", uint64(e.Times)
		if e.Times == 1 {
			out.Kind, out.Reason = Remark, "its first packet was answered, and nothing came after it"
		}
	case server.Silent:
		out.Remote, out.Reason = e.From.String(), text(e.Err)
	default:
		return out, false
	}
	return out, true
}

// text is an error's, "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
