package tunnel

import (
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
)

// Stop is a place on the road where a packet can be seen.
type Stop uint8

// The stops. Outbound, a packet comes by AtAdapter, AtQueue, AtRoute, AtSeal
// and AtLink; inbound by AtLink, AtQueue, AtOpen, AtRoute and AtAdapter, or
// AtSeal and AtLink when it is for another peer. What the two ends say to
// each other enters and leaves the road AtControl.
const (
	AtAdapter Stop = iota
	AtQueue        // its turn in the batch that it came with
	AtRoute        // whose it is; inbound also whether its sender may send it
	AtSeal
	AtOpen
	AtLink
	AtControl
	AtEnd // all that was to become of it has
	stops
)

var stopNames = [stops]string{"adapter", "queue", "route", "seal", "open", "link", "control", "end"}

func (s Stop) String() string { return stopNames[s] }

// Sight is a packet at a stop.
type Sight struct {
	Stop    Stop
	Inbound bool      // on its way from link to adapter, or on to another peer
	Time    time.Time // where it is handed over, before that
	// Packet is what an observer keeps its Note with. Bytes are the packet as
	// it is at this stop, for the length of the call.
	Packet *buf.Packet
	Bytes  []byte
	// Turn of Batch is its place in the queue, from 1.
	Turn, Batch int
	Peer        *Peer      // AtOpen and AtSeal; nil if it is not known
	To          *Receivers // AtRoute
	Link        link.Link  // AtLink
	Drop        Drop
	Err         error // the system's, with TooLarge, Forbidden and Unsent
}

// Observer watches packets on the road.
type Observer interface {
	// See is called for a packet at a stop, before it goes on, and must not
	// block. At the first stop the packet has no Note; an observer that sets
	// one sees it at the next stops too, and last AtEnd. Several goroutines
	// call at once, but for one packet only one at a time.
	See(s *Sight)
}

// Watched holds the observer, nil most of the time. It may change at any time.
type Watched = atomic.Pointer[Observer]

// watch is one batch under an observer's eyes. Without one it is nil, which
// sees nothing and costs a comparison.
type watch struct {
	Observer
	inbound bool
}

func watching(o *Watched, inbound bool) *watch {
	if seer := o.Load(); seer != nil {
		return &watch{*seer, inbound}
	}
	return nil
}

// enter is the first stop of a batch's packets.
func (w *watch) enter(at Stop, batch []*buf.Packet, l link.Link) {
	if w == nil {
		return
	}
	for _, p := range batch {
		p.Note = nil
		w.see(p, Sight{Stop: at, Link: l})
	}
}

// leave is the end of a batch: the packets' buffers are used again.
func (w *watch) leave(batch []*buf.Packet) {
	if w == nil {
		return
	}
	for _, p := range batch {
		w.at(AtEnd, p, nil, Kept)
		p.Note = nil
	}
}

// at is the next stop of a packet.
func (w *watch) at(stop Stop, p *buf.Packet, peer *Peer, drop Drop) {
	if w != nil && p.Note != nil {
		w.see(p, Sight{Stop: stop, Peer: peer, Drop: drop})
	}
}

// route is AtRoute.
func (w *watch) route(p *buf.Packet, to *Receivers, drop Drop) {
	if w != nil && p.Note != nil {
		w.see(p, Sight{Stop: AtRoute, To: to, Drop: drop})
	}
}

// turn is AtQueue.
func (w *watch) turn(p *buf.Packet, index, batch int) {
	if w != nil && p.Note != nil {
		w.see(p, Sight{Stop: AtQueue, Turn: index + 1, Batch: batch})
	}
}

// write hands packets over, by as few calls as it can, and counts those that
// are not taken. A packet that is watched has a call of its own, so that what
// became of it is known.
func (w *watch) write(at Stop, l link.Link, batch []*buf.Packet, call func([]*buf.Packet) (int, error), c *Counters) {
	if w == nil {
		n, err := call(batch)
		countRefused(c, at, len(batch)-n, err)
		return
	}
	for len(batch) > 0 {
		run := batch[:together(batch)]
		batch = batch[len(run):]
		bytes := run[0].Bytes() // call may put headers of its own before it
		begun := time.Now()     // what answers it comes later, if seen sooner
		sent, err := call(run)
		countRefused(c, at, len(run)-sent, err)
		if run[0].Note == nil {
			continue
		}
		s := Sight{Stop: at, Time: begun, Bytes: bytes, Link: l}
		if sent == 0 {
			s.Drop, s.Err = refusal(at, err), err
		}
		w.see(run[0], s)
	}
}

// together is how many packets of a batch can go by one call.
func together(batch []*buf.Packet) int {
	n := 1
	for batch[0].Note == nil && n < len(batch) && batch[n].Note == nil {
		n++
	}
	return n
}

func (w *watch) see(p *buf.Packet, s Sight) {
	s.Inbound, s.Packet = w.inbound, p
	if s.Time.IsZero() {
		s.Time = time.Now()
	}
	if s.Bytes == nil {
		s.Bytes = p.Bytes()
	}
	w.See(&s)
}

// follow gives a piece or a copy of a packet the packet's note.
func (w *watch) follow(other, p *buf.Packet) {
	if w != nil {
		other.Note = p.Note
	}
}

// tell sends a packet that is not from the adapter. If o is not nil, it sees the
// packet. It may be in the buffer of one that is watched itself, which an answer is
// written over.
func tell(o *Watched, l link.Link, p *buf.Packet) (err error) {
	batch, note := []*buf.Packet{p}, p.Note
	if o == nil {
		_, err = link.Try(l, batch)
		return err
	}
	w := watching(o, false)
	w.enter(AtControl, batch, nil)
	w.write(AtLink, l, batch, func(b []*buf.Packet) (n int, _ error) {
		n, err = link.Try(l, b)
		return n, err
	}, nil)
	w.leave(batch)
	p.Note = note
	return err
}

// Reply sends a packet of the control channel that no peer's session made.
func (r *Road) Reply(l link.Link, p *buf.Packet) { _ = tell(&r.Observer, l, p) }
