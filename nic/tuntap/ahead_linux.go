package tuntap

import (
	"sync/atomic"
	"time"

	"culvert/nic"
	"culvert/nic/frame"
)

// ahead holds what has been read from a device and waits to be split.
//
// The kernel's queue for a device counts packets: 500, whether they are single
// packets or super-packets of 64 KiB. That is room for 32 MB, in which every flow
// waits behind the fastest sender. So the queue is emptied before each batch, and
// its packets wait here, in one queue per flow. Flows take turns. If a flow's
// packets keep waiting too long, one of them is dropped or marked, so that its
// sender slows down (FQ-CoDel, RFC 8290).
type ahead struct {
	kind   nic.Kind
	store  chunks
	flows  flowQueues
	taken  *chunk // of the packet taken last
	lost   atomic.Uint64
	marked atomic.Uint64
	// waiting is what the flows held after the last batch.
	waiting atomic.Uint64
}

const (
	// maxWaiting bounds how many packets wait here. More stay in the device's
	// queue, where it costs least to drop them: with 1024, a flood of single
	// packets was a fifth slower.
	maxWaiting = 256
	// aheadPackets bounds how many packets are read before a batch, in case senders
	// are faster than the reader.
	aheadPackets = 256
	// superRoom holds any super-packet and a byte more, which shows that one was
	// cut.
	superRoom = vnetHeaderLen + frame.MaxHeader + 1<<16 + 1
)

// room returns where to read the next packet, or nil if enough are waiting. It
// makes room by dropping from the flow that has most.
func (a *ahead) room() []byte {
	for a.flows.count < maxWaiting {
		if room := a.store.room(); room != nil {
			return room
		}
		w, ok := a.flows.shed()
		if !ok {
			break
		}
		a.drop(w)
	}
	return nil
}

// add takes the n bytes that were read into room, at the time now. It reports
// whether they are a whole packet.
func (a *ahead) add(n int, now time.Duration) bool {
	if n == superRoom {
		return false
	}
	in, packet := a.store.keep(n)
	a.flows.push(waiting{packet: packet, in: in, since: now}, flowOf(ipPart(a.kind, payloadOf(packet)), payloadOf(packet)))
	return true
}

// take returns the next packet with its virtio-net header, nil if there is none,
// and how many of its first segments to drop. The packet is valid until the next
// call.
func (a *ahead) take(now time.Duration) (packet []byte, lost int) {
	if a.taken != nil {
		a.store.free(a.taken)
		a.taken = nil
	}
	for {
		w, late, ok := a.flows.pop(now)
		switch {
		case !ok:
			return nil, 0
		case late && markCongestion(ipPart(a.kind, payloadOf(w.packet))):
			a.marked.Add(1)
		case late && !isSuper(w.packet):
			a.drop(w)
			continue
		case late:
			// Losing one segment tells the sender as much as losing all of them,
			// and the segments behind it show at once that it is missing.
			a.lost.Add(1)
			lost = 1
		}
		a.taken = w.in
		return w.packet, lost
	}
}

func (a *ahead) drop(w waiting) {
	a.lost.Add(1)
	a.store.free(w.in)
}

// payloadOf returns what follows the virtio-net header.
func payloadOf(packet []byte) []byte { return packet[min(vnetHeaderLen, len(packet)):] }

func isSuper(packet []byte) bool {
	return len(packet) >= vnetHeaderLen && parseVnetHeader(packet).gso != 0
}
