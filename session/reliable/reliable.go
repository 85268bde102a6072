// Package reliable carries control channel packets in order over a path that
// loses, repeats and reorders them: packet-ids, a window, acknowledgements
// that ride on other packets, and retransmission with back-off (draft,
// "Control channel reliability layer"). It sends nothing and reads no clock:
// the owner asks what to send now, and when to ask again.
package reliable

import (
	"slices"
	"time"

	"culvert/session/wire"
)

const (
	// SendWindow is how many packets may be unacknowledged. Peers since 2.6
	// accept 12 ahead of the next expected one, older ones 8.
	SendWindow = 6
	// receiveWindow is how far ahead of the next expected packet one is kept.
	receiveWindow = 12

	minMargin  = 200 * time.Millisecond
	maxTimeout = 8 * time.Second
	// overtakenLimit later packets acknowledged mean that one was lost
	// (fast retransmission).
	overtakenLimit = 3
)

// Packet is what a Channel wants sent: with Op P_ACK_V1 only Acks count.
type Packet struct {
	Op      wire.Opcode
	ID      wire.PacketID
	Payload []byte
	Acks    []wire.PacketID
}

// Channel is one reliable stream in each direction, for one key generation. It
// is not safe for concurrent use. Make it with New.
type Channel struct {
	nextID   wire.PacketID
	inFlight []outgoing
	passed   int // size of the largest packet acknowledged

	expected wire.PacketID
	early    map[wire.PacketID]received
	ready    []received

	owed   []wire.PacketID // acknowledgements not sent yet
	alone  bool            // they go alone: what they rode on may have been too large for the path
	recent []wire.PacketID // sent before, repeated where there is room

	timeout roundTrip
}

type outgoing struct {
	op        wire.Opcode
	id        wire.PacketID
	payload   []byte
	sent      time.Time // zero: not yet
	due       time.Time
	tries     int
	overtaken int
	passedBy  bool // a later packet was acknowledged
}

type received struct {
	op      wire.Opcode
	payload []byte
}

// New returns a channel whose first packet in each direction has id first: 0,
// or 1 where the hard reset was exchanged without keeping state. initial is
// the retransmission timeout until a round trip was measured.
func New(first wire.PacketID, initial time.Duration) *Channel {
	return &Channel{
		nextID:   first,
		expected: first,
		early:    make(map[wire.PacketID]received),
		timeout:  roundTrip{initial: initial},
	}
}

// Room is how many packets Send takes now.
func (c *Channel) Room() int { return SendWindow - len(c.inFlight) }

// Idle reports whether everything sent was acknowledged.
func (c *Channel) Idle() bool { return len(c.inFlight) == 0 }

// Send queues a packet and returns its id. The channel keeps payload. It must
// not be called with no Room.
func (c *Channel) Send(op wire.Opcode, payload []byte) wire.PacketID {
	if c.Room() <= 0 {
		panic("reliable: send window overrun")
	}
	id := c.nextID
	c.nextID++
	c.inFlight = append(c.inFlight, outgoing{op: op, id: id, payload: payload})
	return id
}

// Poll returns the next packet to send at now, if there is one: a queued or
// lost packet with acknowledgements on it, or acknowledgements alone.
func (c *Channel) Poll(now time.Time) (Packet, bool) {
	if c.alone {
		c.alone = false
		return Packet{Op: wire.PAckV1, Acks: c.takeAcks(wire.MaxAcks)}, true
	}
	for i := range c.inFlight {
		o := &c.inFlight[i]
		if !o.sent.IsZero() && now.Before(o.due) {
			continue
		}
		o.transmit(now, c.timeout.value())
		return Packet{Op: o.op, ID: o.id, Payload: o.payload, Acks: c.takeAcks(wire.PiggybackAcks)}, true
	}
	if len(c.owed) > 0 {
		return Packet{Op: wire.PAckV1, Acks: c.takeAcks(wire.MaxAcks)}, true
	}
	return Packet{}, false
}

// transmit marks o as sent and doubles its timeout with every try.
func (o *outgoing) transmit(now time.Time, timeout time.Duration) {
	o.due = now.Add(min(timeout<<min(o.tries, 8), maxTimeout))
	o.sent = now
	o.tries++
	o.overtaken = 0
}

// Resend makes everything due that was not acknowledged.
func (c *Channel) Resend(now time.Time) {
	for i := range c.inFlight {
		c.inFlight[i].due = now
	}
}

// Deadline is when to Poll again; the zero time when only new packets matter.
func (c *Channel) Deadline() time.Time {
	var first time.Time
	for i := range c.inFlight {
		if o := &c.inFlight[i]; first.IsZero() || o.due.Before(first) {
			first = o.due
		}
	}
	return first
}

// Acknowledge takes the acknowledgements of a packet from the peer.
func (c *Channel) Acknowledge(now time.Time, acks []wire.PacketID) {
	for _, id := range acks {
		c.acknowledge(now, id)
	}
}

func (c *Channel) acknowledge(now time.Time, id wire.PacketID) {
	for i := range c.inFlight {
		o := &c.inFlight[i]
		if o.id != id || o.sent.IsZero() {
			continue
		}
		if o.tries == 1 {
			c.Measured(now.Sub(o.sent))
		}
		c.passed = max(c.passed, len(o.payload))
		c.inFlight = append(c.inFlight[:i], c.inFlight[i+1:]...)
		c.overtake(now, id)
		return
	}
}

// Measured takes a round trip into account, even one that was measured before
// the channel began. Packets sent once are due by the new estimate, if that is
// sooner.
func (c *Channel) Measured(rtt time.Duration) {
	c.timeout.measure(rtt)
	for i := range c.inFlight {
		if o := &c.inFlight[i]; o.tries == 1 {
			if due := o.sent.Add(c.timeout.value()); due.Before(o.due) {
				o.due = due
			}
		}
	}
}

// Follow takes over what another channel on the same path has measured.
func (c *Channel) Follow(before *Channel) {
	if before != nil && before.timeout.smoothed > 0 {
		c.timeout = before.timeout
	}
}

// overtake counts an acknowledgement of id against the packets before it.
func (c *Channel) overtake(now time.Time, id wire.PacketID) {
	for i := range c.inFlight {
		o := &c.inFlight[i]
		if o.id >= id || o.sent.IsZero() {
			continue
		}
		o.passedBy = true
		if o.overtaken++; o.overtaken == overtakenLimit {
			o.due = now
		}
	}
}

// Receive takes a packet that carries an id. It is acknowledged when it was
// kept, now or earlier, and dropped when it lies outside the window.
// The channel copies payload.
func (c *Channel) Receive(op wire.Opcode, id wire.PacketID, payload []byte) {
	if id >= c.expected+receiveWindow {
		return
	}
	c.owe(id)
	if id < c.expected {
		c.alone = true
		return
	}
	if _, twice := c.early[id]; twice {
		return
	}
	c.early[id] = received{op, append([]byte(nil), payload...)}
	for {
		r, ok := c.early[c.expected]
		if !ok {
			return
		}
		delete(c.early, c.expected)
		c.ready = append(c.ready, r)
		c.expected++
	}
}

// Next returns the next packet in order, if it has arrived.
func (c *Channel) Next() (op wire.Opcode, payload []byte, ok bool) {
	if len(c.ready) == 0 {
		return 0, nil, false
	}
	r := c.ready[0]
	c.ready = c.ready[1:]
	return r.op, r.payload, true
}

// Stall is what the peer does not acknowledge, although it was sent more than once.
type Stall struct {
	// Size is that of the largest such packet, 0 if there is none: what to blame when
	// a handshake stops.
	Size int
	// Overtaken reports whether the peer has acknowledged a packet that was sent after
	// the largest: it is there, and listens.
	Overtaken bool
	// Least is the size of the smallest such packet.
	Least int
}

// Stalled returns what of the packets under way the peer does not acknowledge.
func (c *Channel) Stalled() (s Stall) {
	for i := range c.inFlight {
		o := &c.inFlight[i]
		if o.tries < 2 {
			continue
		}
		size := len(o.payload)
		if size > s.Size {
			s.Size, s.Overtaken = size, o.passedBy
		}
		if s.Least == 0 || size < s.Least {
			s.Least = size
		}
	}
	return s
}

// Gap reports whether packets have arrived that wait for one before them.
func (c *Channel) Gap() bool { return len(c.early) > 0 }

// Passed returns the size of the largest packet that was acknowledged: the path
// has room for it.
func (c *Channel) Passed() int { return c.passed }

func (c *Channel) owe(id wire.PacketID) {
	if !slices.Contains(c.owed, id) && len(c.owed) < 2*receiveWindow {
		c.owed = append(c.owed, id)
	}
}

// takeAcks returns up to n acknowledgements: those owed, then recent ones
// again, so that one lost packet rarely costs a retransmission.
func (c *Channel) takeAcks(n int) []wire.PacketID {
	fresh := min(n, len(c.owed))
	acks := append([]wire.PacketID(nil), c.owed[:fresh]...)
	c.owed = append(c.owed[:0], c.owed[fresh:]...)
	for _, id := range c.recent {
		if len(acks) == n {
			break
		}
		if !slices.Contains(acks, id) {
			acks = append(acks, id)
		}
	}
	c.recent = append([]wire.PacketID(nil), acks...)
	return acks
}
