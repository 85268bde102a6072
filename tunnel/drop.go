package tunnel

import "sync/atomic"

// Drop is why a packet went no further.
type Drop int

// The reasons. Kept is none.
const (
	Kept        Drop = iota
	Malformed        // not a packet of this protocol, or not IP inside
	NoRoute          // no peer has this destination
	NoKey            // the session cannot send yet
	UnknownPeer      // a datagram of no session
	Forged           // failed authentication
	Replayed         // seen before, or too late to tell
	BadSource        // an inner source that is not leased to the sender
	WrongVLAN        // a VLAN that is not admitted where the frame came from
	Storm            // more for everybody than one port may send
	Unsent           // the socket or the adapter refused it
	drops
)

var dropNames = [drops]string{
	Kept: "kept", Malformed: "malformed", NoRoute: "no route", NoKey: "no key", UnknownPeer: "unknown peer",
	Forged: "failed authentication", Replayed: "replayed", BadSource: "bad source address",
	WrongVLAN: "VLAN not admitted", Storm: "storm limit", Unsent: "not sent",
}

func (d Drop) String() string { return dropNames[d] }

// Counters count dropped packets by reason. The zero value is ready.
type Counters [drops]atomic.Uint64

// Add counts one packet.
func (c *Counters) Add(d Drop) { c[d].Add(1) }

// Snapshot is the counts that are not zero, by name.
func (c *Counters) Snapshot() map[string]uint64 {
	seen := make(map[string]uint64)
	for d := Malformed; d < drops; d++ {
		if n := c[d].Load(); n > 0 {
			seen[d.String()] = n
		}
	}
	return seen
}
