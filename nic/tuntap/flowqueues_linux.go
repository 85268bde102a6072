package tuntap

import (
	"encoding/binary"
	"hash/maphash"
	"time"

	"culvert/nic/frame"
)

const (
	// maxFlows is how many queues the flows are spread over, by their hash.
	maxFlows = 512
	// flowQuantum is how many bytes a flow may send on its turn.
	flowQuantum = 1514
)

// flowQueues holds packets in one queue per flow (RFC 8290 section 4). A flow that
// has just begun, or that pauses between its packets, gets its turn before flows
// that always have some waiting. The zero value is ready; it holds no memory until
// the first packet.
type flowQueues struct {
	flows []flowQueue
	fresh flowList // flows that had no packet, before their first turn
	busy  flowList
	slots []waiting // the first unused
	free  int32     // the first slot of a chain of free ones; 0 none
	count int       // packets
}

// waiting is a packet in a queue.
type waiting struct {
	packet []byte
	in     *chunk
	since  time.Duration
	next   int32 // slot of the flow's next packet, or of the next free one; 0 none
}

// flowQueue is the queue of the flows of one hash.
type flowQueue struct {
	codel       codel
	first, last int32 // slots
	bytes       int
	credit      int   // bytes that may be sent
	next        int32 // the flow behind it in its list
	listed      bool
}

// flowList lists flows in the order of their turns. Flows are counted from 1.
type flowList struct{ first, last int32 }

// push adds a packet to the queue for a hash.
func (q *flowQueues) push(w waiting, hash uint64) {
	if q.flows == nil {
		q.flows, q.slots = make([]flowQueue, maxFlows+1), make([]waiting, 1)
	}
	n := int32(hash%maxFlows) + 1
	f := &q.flows[n]
	slot := q.slot(w)
	if f.first == 0 {
		f.first = slot
	} else {
		q.slots[f.last].next = slot
	}
	f.last = slot
	f.bytes += len(w.packet)
	if !f.listed {
		f.listed, f.credit = true, flowQuantum
		q.append(&q.fresh, n)
	}
}

// slot puts a packet into a slot.
func (q *flowQueues) slot(w waiting) int32 {
	q.count++
	w.next = 0
	slot := q.free
	if slot == 0 {
		q.slots = append(q.slots, w)
		return int32(len(q.slots) - 1)
	}
	q.free = q.slots[slot].next
	q.slots[slot] = w
	return slot
}

// pop takes the packet whose turn it is, if there is one. It reports whether the
// packet waited too long, so that its sender should be slowed down.
func (q *flowQueues) pop(now time.Duration) (w waiting, late, ok bool) {
	f := q.turn()
	if f == nil {
		return waiting{}, false, false
	}
	w = q.shift(f)
	f.credit -= len(w.packet)
	return w, f.codel.drop(now, now-w.since, f.first == 0), true
}

// turn returns the flow that may send, nil when no packet waits.
func (q *flowQueues) turn() *flowQueue {
	for {
		list := &q.fresh
		if list.first == 0 {
			list = &q.busy
		}
		if list.first == 0 {
			return nil
		}
		n := list.first
		f := &q.flows[n]
		switch {
		case f.credit <= 0:
			f.credit += flowQuantum
		case f.first != 0:
			return f
		case list == &q.busy:
			list.first = f.next
			f.listed = false
			continue
		}
		list.first = f.next
		q.append(&q.busy, n)
	}
}

// append puts a flow that is in no list at the end of one.
func (q *flowQueues) append(list *flowList, n int32) {
	q.flows[n].next = 0
	if list.first == 0 {
		list.first = n
	} else {
		q.flows[list.last].next = n
	}
	list.last = n
}

// shift takes a flow's first packet.
func (q *flowQueues) shift(f *flowQueue) waiting {
	slot := f.first
	w := q.slots[slot]
	f.first = w.next
	f.bytes -= len(w.packet)
	q.slots[slot] = waiting{next: q.free}
	q.free = slot
	q.count--
	return w
}

// shed takes the first packet of the flow with the most bytes, if there is one.
func (q *flowQueues) shed() (w waiting, ok bool) {
	var most *flowQueue
	for _, list := range [...]flowList{q.fresh, q.busy} {
		for n := list.first; n != 0; n = q.flows[n].next {
			if f := &q.flows[n]; f.first != 0 && (most == nil || f.bytes > most.bytes) {
				most = f
			}
		}
	}
	if most == nil {
		return waiting{}, false
	}
	return q.shift(most), true
}

// flowSeed keeps others from choosing which flows share a queue.
var flowSeed = maphash.MakeSeed()

// flowOf returns a hash of an IP packet's addresses, protocol and ports. For
// fragments, which do not all have ports, it uses the addresses alone; for a frame
// that holds something else, the front of the frame.
func flowOf(ip, packet []byte) uint64 {
	var key [37]byte
	n := 0
	ip = unpadded(ip)
	switch {
	case len(ip) >= ipv4Len && ip[0]>>4 == 4:
		n = copy(key[:], ip[12:20])
	case len(ip) >= ipv6Len && ip[0]>>4 == 6:
		n = copy(key[:], ip[8:40])
	default:
		n = copy(key[:frame.HeaderLen], packet)
	}
	if at, protocol := parseIP(ip); (protocol == protocolTCP || protocol == protocolUDP) && len(ip) >= at+4 {
		key[n] = protocol
		n += 1 + copy(key[n+1:], ip[at:at+4])
	}
	return maphash.Bytes(flowSeed, key[:n])
}

// unpadded returns an IP packet without the padding of a short frame, which only
// some packets of a flow have.
func unpadded(ip []byte) []byte {
	switch {
	case len(ip) >= ipv4Len && ip[0]>>4 == 4:
		return ip[:min(len(ip), max(ipv4Len, int(binary.BigEndian.Uint16(ip[2:]))))]
	case len(ip) >= ipv6Len && ip[0]>>4 == 6:
		return ip[:min(len(ip), ipv6Len+int(binary.BigEndian.Uint16(ip[4:])))]
	}
	return ip
}
