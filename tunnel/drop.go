package tunnel

import (
	"errors"
	"syscall"

	"culvert/internal/buf"
	"culvert/internal/count"
)

// Drop is why a packet went no further.
type Drop int

// The reasons. Kept means that the packet was not dropped.
const (
	Kept        Drop = iota
	Malformed        // not a packet of this protocol, or not IP inside
	NoRoute          // no peer has this destination
	NoKey            // the session cannot send yet
	UnknownPeer      // a datagram of no session
	Crowd            // more newcomers than may begin (connect-freq, connect-freq-initial, and the limit of each source)
	Forged           // failed authentication
	Replayed         // seen before, or too late to tell
	BadSource        // an inner source that is not leased to the sender
	SpoofedMAC       // a source that belongs to another station
	Unlearned        // a source that learn-address has not admitted
	UnknownMAC       // a destination that no station has
	Local            // for a station behind the port it came by
	WrongVLAN        // a VLAN that is not allowed where the frame came from
	Storm            // more frames for everybody than one port may send
	TooLarge         // the path or the adapter carries no packets of this size
	Shaped           // sent too early for the rate of `shaper`
	Refused          // IPv6, which is blocked (`block-ipv6`)
	Forbidden        // the firewall of this host did not let it out
	Unsent           // the socket or the adapter refused it for another reason
	Denied           // the policy does not allow it
	Unjudged         // the policy cannot judge it: headers that cannot be read, or a part whose first one did not pass
	OverRate         // beyond the rate that the client may have
	drops
)

var dropNames = [drops]string{
	Kept: "kept", Malformed: "malformed", NoRoute: "no route", NoKey: "no key", UnknownPeer: "unknown peer", Crowd: "too many newcomers",
	Forged: "failed authentication", Replayed: "replayed", BadSource: "bad source address",
	SpoofedMAC: "spoofed MAC", Unlearned: "not admitted by learn-address", UnknownMAC: "unknown MAC", Local: "stays behind its port",
	WrongVLAN: "VLAN not admitted", Storm: "storm limit",
	TooLarge: "larger than the MTU", Shaped: "beyond the rate of shaper", Refused: "IPv6, which is blocked", Forbidden: "refused by a firewall rule of this host", Unsent: "not sent",
	Denied: "not allowed by the policy", Unjudged: "the policy cannot judge it", OverRate: "beyond the client's rate",
}

func (d Drop) String() string { return dropNames[d] }

// Drops are all reasons why a packet is dropped.
func Drops() (all []Drop) {
	for d := Kept + 1; d < drops; d++ {
		all = append(all, d)
	}
	return all
}

// Counters count dropped packets by reason.
type Counters = count.Reasons[Drop]

var _ [count.Max - drops]struct{} // they fit

// countRefused counts the packets of a batch that a socket (AtLink) or an adapter
// (AtAdapter) did not take, by the reasons in the error.
func countRefused(c *Counters, at Stop, packets int, err error) {
	if packets == 0 || c == nil {
		return
	}
	var each *buf.WriteError
	if !errors.As(err, &each) {
		each = &buf.WriteError{Failures: buf.Failures{{Err: err, Packets: packets}}}
	}
	for _, f := range each.Failures {
		c.AddN(refusal(at, f.Err), f.Packets)
		packets -= f.Packets
	}
	c.AddN(Unsent, packets) // the others were refused silently, as by a full queue
}

// refusal returns the reason for the error of a socket or an adapter. A socket
// fails with EPERM if a filter drops or rejects what it sends, and with EACCES if a
// route or a rule prohibits it (ip-route(8)).
func refusal(at Stop, err error) Drop {
	switch {
	case errors.Is(err, syscall.EMSGSIZE):
		return TooLarge
	case at == AtLink && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)):
		return Forbidden
	}
	return Unsent
}
