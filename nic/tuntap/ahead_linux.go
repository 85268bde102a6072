package tuntap

import (
	"sync/atomic"
	"time"

	"culvert/nic"
	"culvert/nic/frame"
)

// ahead is what has been read from a device and waits to be split.
//
// The kernel's queue of a device counts packets, 500 of them, be they single or
// super-packets of 64 KiB: room for 32 MB, in which all wait behind the fastest
// sender. So it is emptied before each batch, and what was in it waits here, in
// a queue for each flow. Flows take turns, and one whose packets wait too long,
// for too long, learns of it by a packet lost or marked (FQ-CoDel, RFC 8290).
type ahead struct {
	kind   nic.Kind
	store  chunks
	flows  flowQueues
	taken  *chunk // of the packet taken last
	lost   atomic.Uint64
	marked atomic.Uint64
}

const (
	// maxWaiting bounds how many packets wait. More stay in the device's
	// queue, where it costs least to drop them: a flood of single packets had
	// a fifth of its rate less with 1024.
	maxWaiting = 256
	// aheadPackets bounds how many packets are read before a batch: the
	// senders may be faster.
	aheadPackets = 256
	// superRoom holds any super-packet; a byte more shows one that was cut.
	superRoom = vnetHeaderLen + frame.MaxHeader + 1<<16 + 1
)

// room is where to read the next packet; none if enough are waiting. It makes
// room at the expense of who has most of it.
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

// add takes what was read into room, n bytes, at the time now. It reports whether
// that is a whole packet.
func (a *ahead) add(n int, now time.Duration) bool {
	if n == superRoom {
		return false
	}
	in, packet := a.store.keep(n)
	a.flows.push(waiting{packet: packet, in: in, since: now}, flowOf(ipPart(a.kind, payloadOf(packet)), payloadOf(packet)))
	return true
}

// take is the next packet with its virtio-net header, nil if there is none, and
// how many of its first segments are lost. It is good until the next is taken.
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
			// One segment tells the sender as much as all would, and
			// those behind it tell at once that it is gone.
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

// payloadOf is what follows the virtio-net header.
func payloadOf(packet []byte) []byte { return packet[min(vnetHeaderLen, len(packet)):] }

func isSuper(packet []byte) bool {
	return len(packet) >= vnetHeaderLen && parseVnetHeader(packet).gso != 0
}
