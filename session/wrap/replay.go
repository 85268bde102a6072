package wrap

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// replayLen is the replay id on the wire: id 4 | time 4. As a number, time is
// its upper half (draft, "Control channel packet format").
const replayLen = 8

// windowSize is how far a packet may come behind the newest of its time.
const windowSize = 64

// replay numbers what is sent and remembers what was received.
type replay struct {
	send     counter
	recv     window
	id, time uint32 // of the packet received last
}

func newReplay(first uint32, opts []Option) replay {
	r := replay{send: counter{id: first}}
	for _, o := range opts {
		o(&r)
	}
	return r
}

// accept takes the replay id of an authentic packet, or fails with ErrReplay.
func (r *replay) accept(id, time uint32) error {
	if !r.recv.accept(id, time) {
		return fmt.Errorf("%w: id %d at time %d, newest id %d at time %d",
			ErrReplay, id, time, r.recv.newest, r.recv.time)
	}
	r.id, r.time = id, time
	return nil
}

// LastID implements Wrapper.
func (r *replay) LastID() (id, time uint32) { return r.id, r.time }

// counter hands out replay ids. Their time is when the first packet was sent, until
// the ids of that time are used up.
type counter struct {
	id   uint32 // the next; 0 when those of this time are used up
	time uint32
}

func (c *counter) append(b []byte, now time.Time) []byte {
	if c.time == 0 {
		c.time = uint32(now.Unix())
	}
	if c.id == 0 {
		c.id, c.time = 1, max(uint32(now.Unix()), c.time+1)
	}
	b = appendReplay(b, c.id, c.time)
	if c.id == math.MaxUint32 {
		c.id = 0
	} else {
		c.id++
	}
	return b
}

func appendReplay(b []byte, id, time uint32) []byte {
	b = binary.BigEndian.AppendUint32(b, id)
	return binary.BigEndian.AppendUint32(b, time)
}

func parseReplay(b []byte) (id, time uint32) {
	return binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
}

// window refuses replay ids that were seen, that lie windowSize or more behind
// the newest, or that are of an earlier time. A later time starts it anew.
// The zero value accepts anything.
type window struct {
	time   uint32
	newest uint32
	seen   uint64 // bit i: newest-i was seen
}

func (w *window) accept(id, time uint32) bool {
	switch {
	case time < w.time:
		return false
	case time > w.time:
		*w = window{time: time, newest: id, seen: 1}
		return true
	case id > w.newest:
		w.seen = w.seen<<(id-w.newest) | 1
		w.newest = id
		return true
	}
	behind := w.newest - id
	if behind >= windowSize || w.seen>>behind&1 == 1 {
		return false
	}
	w.seen |= 1 << behind
	return true
}
