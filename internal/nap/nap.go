// Package nap decides how a reader of a device or socket waits when it finds
// nothing: in the poller, which wakes it for the next packet, or, while packets
// keep coming one by one, by sleeping for so short a time that several are there
// when it wakes. To be woken costs several times what a packet does.
package nap

import "time"

const (
	// Length is how long to nap. The system may add as much again, or more.
	Length = 40 * time.Microsecond
	// quick is the longest time between two findings of nothing that counts as
	// packets coming one by one. Whoever waits for an answer before the next
	// packet is slower, on most paths.
	quick = 100 * time.Microsecond
	// few is how many packets a waking may bring to be one of too many.
	few = 16
	// A reader naps after leastStreak quick findings in a row; after up to
	// mostStreak where naps did not pay.
	leastStreak, mostStreak = 64, 8192
	// mostCredit is how much naps that paid make up for those that did not.
	mostCredit = 16
	// inARow is how many naps there are at most before a wait in the poller,
	// where other goroutines get their turn.
	inARow = 16
)

// Policy is the decision for one reader. The zero value is ready. It holds no
// clock.
type Policy struct {
	last    time.Duration // when nothing was found last
	packets int           // since
	streak  int           // of quick findings
	needed  int           // streak to nap after, less leastStreak
	napping bool
	credit  int // of naps that paid
	naps    int // since the last wait in the poller
}

// Read notes that so many packets were read, or as many as cost a packet's time.
func (p *Policy) Read(packets int) { p.packets += packets }

// Nap is asked when there is nothing to read, with the time on any monotonic
// clock. True: sleep for Length and try again; false: wait in the poller.
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
		p.streak /= 2 // a pause is no end
		return false
	}
	p.streak++
	p.napping = p.streak > leastStreak+p.needed
	return p.napping
}

// pays judges the latest nap, and says whether to take another.
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
