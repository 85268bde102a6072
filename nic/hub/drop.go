package hub

import (
	"sync/atomic"

	"culvert/internal/count"
)

// Drop is why a frame went no further.
type Drop int

// The reasons. Kept means that a frame was not dropped. The first group is counted
// at the port that a frame came by, the second at the port it was for.
const (
	Kept      Drop = iota
	Runt           // shorter than its header
	Malformed      // no station as its source, no destination, or a wrong length
	Stacked        // tags in tags (802.1ad)
	Tagged         // a VLAN tag at a port that is in one VLAN
	NoVLAN         // a VLAN that no adapter is in
	Reserved       // for the next bridge only (802.1Q, table 8-1)
	Spoofed        // another adapter's address as its source
	NotOwn         // a source that is not the adapter's, at a port that may have no other
	InUse          // a source in use behind another port: a loop, or a theft
	Storm          // flooded more than a port may
	Local          // for a station behind the port it came by
	Looped         // a probe of this hub that came back

	Oversize // larger than the port's MTU, of which either port may be the cause
	Blocked  // the port is cut off because of a loop
	Down     // the port is down
	Unsent   // the adapter refused it
	drops
)

var dropNames = [drops]string{
	Kept: "kept", Runt: "runt", Malformed: "malformed", Stacked: "VLAN stack", Tagged: "tagged", NoVLAN: "no adapter in this VLAN",
	Reserved: "reserved destination", Spoofed: "spoofed source", NotOwn: "source not the adapter's own", InUse: "source in use at another port", Storm: "storm",
	Local: "stays behind its port", Looped: "own loop probe", Oversize: "oversize", Blocked: "port blocked", Down: "port down", Unsent: "not sent",
}

func (d Drop) String() string { return dropNames[d] }

// Drops yields all reasons, in order.
func Drops(yield func(Drop) bool) {
	for d := Runt; d < drops && yield(d); d++ {
	}
}

var _ [count.Max - drops]struct{} // they fit

// Counters count what passed a port, from the hub's side: In counts what came from
// the adapter, including the drops. Out does not count the hub's own frames.
type Counters struct {
	InFrames, InBytes   atomic.Uint64
	OutFrames, OutBytes atomic.Uint64
	drops               count.Reasons[Drop]
}

// Dropped returns how many frames were dropped for a reason.
func (c *Counters) Dropped(d Drop) uint64 { return c.drops.Of(d) }

// Drops returns the counts that are not zero, by the reason's name.
func (c *Counters) Drops() map[string]uint64 { return c.drops.Snapshot() }
