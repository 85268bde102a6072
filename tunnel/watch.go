package tunnel

import (
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
)

// Stop is a place on the road where a packet can be seen.
type Stop uint8

// The stops. An outbound packet passes AtAdapter, AtQueue, AtRoute, AtSeal and
// AtLink. An inbound one passes AtLink, AtQueue, AtOpen, AtRoute and AtAdapter, or
// AtSeal and AtLink if it is for another peer. Packets of the control channel enter
// and leave the road AtControl.
const (
	AtAdapter Stop = iota
	AtQueue        // its turn in the batch that it came with
	AtRoute        // whose it is; inbound also whether its sender may send it
	AtSeal
	AtOpen
	AtLink
	AtControl
	AtEnd // nothing more happens to it
	stops
)

var stopNames = [stops]string{"adapter", "queue", "route", "seal", "open", "link", "control", "end"}

func (s Stop) String() string { return stopNames[s] }

// Sight is a packet at a stop.
type Sight struct {
	Stop    Stop
	Inbound bool      // on its way from link to adapter, or on to another peer
	Time    time.Time // if the packet is handed over here: the time before that
	// Packet is what an observer keeps its Note with. Its bytes are the packet as
	// it is at this stop, and valid during the call.
	Packet *buf.Packet
	Bytes  []byte
	// Turn is the packet's place in its batch, from 1; Batch is how many there are.
	Turn, Batch int
	Peer        *Peer      // AtOpen and AtSeal; nil if it is not known
	To          *Receivers // AtRoute
	Link        link.Link  // AtLink
	Drop        Drop
	Err         error // the system's, with TooLarge, Forbidden and Unsent
}

// Observer watches packets on the road.
type Observer interface {
	// See is called for a packet at a stop, before it goes on, and must not block.
	// At the first stop the packet has no Note. An observer that sets one sees it
	// at the next stops too, and last AtEnd. Calls come from several goroutines at
	// once, but only one at a time for the same packet.
	See(s *Sight)
}

// Watched holds the observer, nil most of the time. It may change at any time.
type Watched = atomic.Pointer[Observer]

// watch is one batch that an observer watches. If nobody watches it is nil, which
// does nothing and costs a comparison.
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

// enter is the first stop of the packets of a batch.
func (w *watch) enter(at Stop, batch []*buf.Packet, l link.Link) {
	if w == nil {
		return
	}
	for _, p := range batch {
		p.Note = nil
		w.see(p, Sight{Stop: at, Link: l})
	}
}

// leave ends a batch: the packets' buffers are used again.
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

// write hands packets over, in as few calls as it can, and counts those that are
// not taken. A watched packet has a call of its own, so that its fate is known.
func (w *watch) write(at Stop, l link.Link, batch []*buf.Packet, call func([]*buf.Packet) (int, error), c *Counters) {
	if w == nil {
		n, err := call(batch)
		countRefused(c, at, len(batch)-n, err)
		return
	}
	for len(batch) > 0 {
		run := batch[:together(batch)]
		batch = batch[len(run):]
		bytes := run[0].Bytes() // call may put its own headers before it
		begun := time.Now()     // an answer comes later, even if it is seen sooner
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

// together returns how many packets of a batch one call can take.
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

// follow copies a packet's note to a piece or a copy of it.
func (w *watch) follow(other, p *buf.Packet) {
	if w != nil {
		other.Note = p.Note
	}
}

// tell sends a packet that does not come from the adapter. If o is not nil, it
// observes the packet. The packet may use the buffer of a watched one, which an
// answer overwrites.
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
