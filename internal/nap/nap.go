// Package nap decides how a reader of a device or socket waits when it finds
// nothing: in the poller, which wakes it for the next packet; or, while packets
// keep coming one by one, in a sleep so short that a few packets are there
// afterwards. Being woken costs several times as much as a packet.
package nap

import "time"

const (
	// Length is how long to nap. The system may add as much again, or more.
	Length = 40 * time.Microsecond
	// quick is the longest time between two empty reads that counts as packets
	// coming one by one. A sender that waits for an answer before its next packet
	// is slower, on most paths.
	quick = 100 * time.Microsecond
	// few is how many packets at most a wake-up brings if there are too many
	// wake-ups.
	few = 16
	// A reader naps after leastStreak quick empty reads in a row, or after up to
	// mostStreak if naps did not pay.
	leastStreak, mostStreak = 64, 8192
	// mostCredit is how many bad naps at most can be offset by good ones.
	mostCredit = 16
	// inARow is how many naps there are at most before a wait in the poller, which
	// gives other goroutines their turn.
	inARow = 16
)

// Policy decides for one reader. The zero value is ready. It has no clock.
type Policy struct {
	last    time.Duration // the last empty read
	packets int           // since
	streak  int           // of quick empty reads
	needed  int           // streak to nap after, less leastStreak
	napping bool
	credit  int // of naps that paid
	naps    int // since the last wait in the poller
}

// Read notes that this many packets were read, or work that took as long.
func (p *Policy) Read(packets int) { p.packets += packets }

// Nap is called when there is nothing to read, with the time on any monotonic
// clock. If it returns true, sleep for Length and try again; otherwise wait in the
// poller.
func (p *Policy) Nap(now time.Duration) bool {
	packets, took := p.packets, now-p.last
	p.packets, p.last = 0, now
	nap := p.napping && p.pays(packets) || !p.napping && p.begins(packets, took)
	p.naps++
	if !nap || p.naps > inARow {
		p.naps = 0
		return false
	}
	return true
}

func (p *Policy) begins(packets int, took time.Duration) bool {
	if packets == 0 || packets > few || took > quick {
		p.streak /= 2 // one pause does not end the streak
		return false
	}
	p.streak++
	p.napping = p.streak > leastStreak+p.needed
	return p.napping
}

// pays judges the latest nap, and reports whether to take another.
func (p *Policy) pays(packets int) bool {
	switch packets {
	case 0:
		p.credit -= 2
	case 1:
		p.credit--
	default:
		p.credit = min(p.credit+2, mostCredit)
		p.needed /= 2
	}
	if p.credit >= 0 {
		return packets > 0
	}
	p.napping, p.credit = false, 0
	p.streak, p.needed = 0, min(leastStreak+2*p.needed, mostStreak)
	return false
}
