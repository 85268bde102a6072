// Package trace shows for each packet on a tunnel's road where it was, when, and what
// was decided there.
package trace

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"culvert/internal/printable"
	"culvert/operate/backend/watch"
	"culvert/operate/manage/filter"
	"culvert/session/wire"
	"culvert/tunnel"
)

// Packet is one packet's way.
type Packet struct {
	Number  uint64    `json:"packet" doc:"one more for each packet that was seen"`
	Time    time.Time `json:"time" doc:"when it was at its first stop"`
	Inbound bool      `json:"inbound" doc:"it came from the network, and not from the adapter"`
	Summary string    `json:"summary,omitempty" doc:"what it carries; absent where that was not found out"`
	Stops   []Stop    `json:"stops" nullable:"false" doc:"where it was, in order"`
	Dropped string    `json:"dropped,omitempty" doc:"the reason why it did not arrive; absent if it did"`

	head []byte // the first bytes of what it carries
}

// headLen is enough for the headers that Summary describes, in bytes.
const headLen = 128

// Stop is one stop of a packet.
type Stop struct {
	At       string  `json:"at" doc:"which stop: adapter, queue, route, seal, open, link or control"`
	Micros   float64 `json:"us" doc:"microseconds since the first stop"`
	Bytes    int     `json:"bytes" doc:"how large the packet was there, in bytes"`
	Peer     string  `json:"peer,omitempty" doc:"the peer's name, where one is known"`
	Decision string  `json:"decision" doc:"what happened there, in words"`
	Dropped  string  `json:"dropped,omitempty" doc:"the reason why it was dropped there, as GET /v1/drops has it"`
}

// tracer follows the packets that a filter chooses.
type tracer struct {
	filter  *filter.Filter
	adapter string // its name
	// left is how many more are to be followed.
	left  atomic.Int64
	queue watch.Queue[*Packet]
}

// newTracer follows count packets, or with 0 all there will be.
func newTracer(f *filter.Filter, adapter string, count int64) *tracer {
	t := &tracer{filter: f, adapter: adapter}
	if count <= 0 {
		count = math.MaxInt64
	}
	t.left.Store(count)
	return t
}

// Begin is watch.Watcher's.
func (t *tracer) Begin(number uint64, s *tunnel.Sight) watch.Follower {
	return &follower{tracer: t, packet: Packet{Number: number, Time: s.Time, Inbound: s.Inbound}}
}

// follower is one packet on its way. It is told of when it has arrived, or is
// dropped: only then is it known to the end.
type follower struct {
	*tracer
	packet Packet
	chosen bool
	opened bool
	peer   string
	size   int
}

// See is watch.Follower's.
func (f *follower) See(s *tunnel.Sight) bool {
	if s.Stop == tunnel.AtEnd {
		f.end()
		return false
	}
	if inner := s.Stop == tunnel.AtAdapter && !s.Inbound || s.Stop == tunnel.AtOpen && s.Drop == tunnel.Kept; inner {
		if !f.choose(f.filter.Match(s.Bytes)) {
			return false
		}
		f.opened = s.Inbound
		f.packet.head = bytes.Clone(s.Bytes[:min(len(s.Bytes), headLen)])
	}
	f.add(s)
	return true
}

// choose notes that the filter is met, if there is room for one packet more.
func (f *follower) choose(match bool) bool {
	f.chosen = f.chosen || match && f.left.Add(-1) >= 0
	return f.chosen
}

// end hands the packet over. A packet whose inside was never seen matches only the
// empty filter.
func (f *follower) end() {
	if !f.choose(f.filter == nil) {
		return
	}
	const each = 150 // bytes of a stop, about
	f.queue.Push(&f.packet, headLen+each*len(f.packet.Stops))
}

func (f *follower) add(s *tunnel.Sight) {
	if s.Peer != nil {
		f.peer = s.Peer.Name()
	}
	if s.Drop == tunnel.Kept || s.Stop != tunnel.AtOpen { // what was not opened has lost its bytes
		f.size = len(s.Bytes)
	}
	if s.Stop == tunnel.AtLink && len(f.packet.Stops) > 0 { // one of several, perhaps
		f.peer = ""
	}
	stop := Stop{At: s.Stop.String(), Micros: micros(s.Time.Sub(f.packet.Time)), Bytes: f.size, Peer: printable.Name(f.peer), Decision: printable.Name(f.decision(s))}
	if s.Drop != tunnel.Kept {
		stop.Dropped = s.Drop.String()
		f.packet.Dropped = stop.Dropped
	}
	f.packet.Stops = append(f.packet.Stops, stop)
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()/100) / 10 }

// decision is what happens to the packet at a stop.
func (f *follower) decision(s *tunnel.Sight) string {
	if s.Drop != tunnel.Kept {
		if s.Err != nil {
			return fmt.Sprintf("dropped: %v: %v", s.Drop, s.Err)
		}
		if s.To != nil && s.To.Why != "" {
			return fmt.Sprintf("dropped: %v: %s", s.Drop, s.To.Why)
		}
		return "dropped: " + s.Drop.String()
	}
	remote := s.Packet.Path.Remote
	switch s.Stop {
	case tunnel.AtAdapter:
		if s.Inbound {
			return "written to " + f.adapter
		}
		return "read from " + f.adapter
	case tunnel.AtQueue:
		return fmt.Sprintf("number %d of %d that came at once", s.Turn, s.Batch)
	case tunnel.AtRoute:
		return "for " + f.receivers(s.To)
	case tunnel.AtSeal:
		return "sealed for " + f.peer
	case tunnel.AtOpen:
		return "opened, from " + f.peer
	case tunnel.AtLink:
		if len(f.packet.Stops) == 0 {
			return fmt.Sprintf("received from %v", remote)
		}
		return fmt.Sprintf("sent to %v", remote)
	case tunnel.AtControl:
		return f.control(s)
	}
	return ""
}

func (f *follower) receivers(to *tunnel.Receivers) string {
	var names []string
	for _, p := range to.Peers {
		names = append(names, p.Name())
	}
	if to.Adapter {
		names = append(names, f.adapter)
	}
	return strings.Join(names, ", ")
}

// control is what the two ends tell each other.
func (f *follower) control(s *tunnel.Sight) string {
	f.packet.head = nil
	if f.opened && len(s.Bytes) == 0 {
		return "a piece, which waits for the rest"
	}
	f.packet.Summary = "keep-alive or exit notice"
	if op, _ := wire.ParseHead(s.Bytes[0]); !f.opened && !op.IsData() {
		f.packet.Summary = op.String()
	}
	if s.Inbound {
		return "for this end itself"
	}
	return "of this end itself"
}
