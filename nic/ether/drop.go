package ether

import "culvert/internal/count"

// Count says what became of a frame, or of a packet from the tunnel, that went no
// further.
type Count int

// The reasons to drop, and at the end what was answered.
const (
	Runt       Count = iota // shorter than its header
	Jumbo                   // longer than the MTU allows
	Tagged                  // of a VLAN, which no tunnel for IP has
	SpoofedMAC              // not from the adapter's MAC
	ForeignMAC              // to a station that is not there
	NotIP                   // another protocol
	BadIP                   // a malformed IP header, or chain of extension headers
	BadARP                  // malformed
	BadND                   // malformed neighbour discovery, or with a forged source
	BadDHCP                 // malformed, of either version
	Unanswered              // for the segment, and nobody there has an answer
	Intruder                // from the tunnel, and only the segment may say it
	AnsweredARP
	AnsweredND
	AnsweredDHCP
	AnsweredDHCPv6
	counts
)

var countNames = [counts]string{
	"runt frame", "jumbo frame", "VLAN tag", "spoofed MAC", "unknown MAC", "not IP", "malformed IP", "malformed ARP",
	"malformed neighbour discovery", "malformed DHCP", "unanswered", "segment protocol from the tunnel",
	"answered ARP", "answered neighbour discovery", "answered DHCP", "answered DHCPv6",
}

func (c Count) String() string { return countNames[c] }

// Counters count by reason.
type Counters = count.Reasons[Count]

var _ [count.Max - counts]struct{} // they fit
