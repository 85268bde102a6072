package tuntap

import (
	"sync"

	"culvert/nic/frame"
)

// ahead is what has been read from a device and waits to be split.
//
// The kernel's queue of a device counts packets, 500 of them, be they single or
// super-packets of 64 KiB. That is room for 32 MB, which a fast sender fills as
// far as its window goes, and everybody else's packets wait behind it. So the
// queue is emptied before anything from it is carried on, and super-packets
// for which there is no room are dropped, from which their senders learn.
// Single packets of up to 2 KiB never are.
type ahead struct {
	store *store // nil while nothing is to be read
	ends  []int  // in store, of each packet with its virtio-net header
	next  int    // the packet to take next
	read  int    // packets, dropped ones included
}

const (
	// aheadBytes is about what a queue of 500 single packets holds. A ping
	// beside a stream takes a third of the time it does without a limit, for a
	// tenth of the stream's rate at most.
	aheadBytes = 1 << 20
	// aheadPackets bounds what single packets wait for each other, and what is
	// dropped at a time: the senders may be faster than that.
	aheadPackets = 256
	// superRoom holds any super-packet; a byte more shows one that was cut.
	superRoom = vnetHeaderLen + frame.MaxHeader + 1<<16 + 1
	// Past aheadBytes there is room for so many single packets of that size.
	singlesPast, singleRoom = 64, 2 << 10
)

// store has room for what is read ahead.
type store [aheadBytes + superRoom + singlesPast*singleRoom]byte

// stores are those of all devices: one that is idle holds none.
var stores = sync.Pool{New: func() any { return new(store) }}

// room is where to read the next packet; none if there is no room left.
func (a *ahead) room() []byte {
	if a.store == nil {
		a.store = stores.Get().(*store)
	}
	end := a.end()
	switch {
	case a.read == aheadPackets:
	case end < aheadBytes:
		return a.store[end:][:superRoom]
	case end+singleRoom <= len(a.store):
		return a.store[end:][:singleRoom]
	}
	return nil
}

// What became of a packet that was read.
type arrival int

const (
	queued   arrival = iota
	oversize         // larger than any packet
	overflow         // too large for the room that is left
)

// add takes what was read into room, n bytes.
func (a *ahead) add(n int) arrival {
	a.read++
	end := a.end()
	switch full := end >= aheadBytes; {
	case !full && n == superRoom:
		return oversize
	case full && (n == singleRoom || n >= vnetHeaderLen && parseVnetHeader(a.store[end:]).gso != 0):
		return overflow
	}
	a.ends = append(a.ends, end+n)
	return queued
}

// take is the next packet with its virtio-net header, nil if there is none. It
// is good until room is asked for.
func (a *ahead) take() []byte {
	if a.next == len(a.ends) {
		a.ends, a.next, a.read = a.ends[:0], 0, 0
		return nil
	}
	begin := 0
	if a.next > 0 {
		begin = a.ends[a.next-1]
	}
	a.next++
	return a.store[begin:a.ends[a.next-1]]
}

// rest gives the store back, if there is nothing in it.
func (a *ahead) rest() {
	if a.store != nil && len(a.ends) == 0 {
		stores.Put(a.store)
		a.store = nil
	}
}

// end is where the last packet ends.
func (a *ahead) end() int {
	if len(a.ends) == 0 {
		return 0
	}
	return a.ends[len(a.ends)-1]
}
