package userstack

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"sync/atomic"

	"culvert/internal/buf"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// queueLimit is how many packets may wait for ReadBatch: about what one TCP stream
// may have under way, so that a burst of it is not lost. When the queue is full the
// newest packet is dropped, as on a network card. Blocking the stack instead could
// deadlock two stacks that feed each other.
const queueLimit = 4096

var errNotIP = errors.New("userstack: packet is neither IPv4 nor IPv6")

// errClosed is final by the contract of nic.NIC, and known to callers of
// package net.
var errClosed = fmt.Errorf("userstack: the stack is closed: %w (%w)", fs.ErrClosed, net.ErrClosed)

// device is the network card under the gVisor stack: the stack's link endpoint on
// one side, batches of packets on the other. A packet is copied once in each
// direction.
type device struct {
	mtu   uint32
	drops atomic.Uint64

	writing sync.Mutex // held for a batch going in
	up      stack.NetworkDispatcher

	mu     sync.Mutex // guards what follows
	ready  sync.Cond  // the reader sleeps here, alone
	queue  []*stack.PacketBuffer
	closed bool

	// These belong to the reader: packets taken from the queue at once.
	taken []*stack.PacketBuffer
	next  int
}

func newDevice(mtu int) *device {
	d := &device{mtu: uint32(mtu)}
	d.ready.L = &d.mu
	return d
}

// write gives a batch to the stack.
func (d *device) write(batch []*buf.Packet) (int, error) {
	d.writing.Lock()
	defer d.writing.Unlock()
	if d.isClosed() {
		return 0, errClosed
	}
	var first error
	n := 0
	for _, p := range batch {
		if err := d.inject(p.Bytes()); err == nil {
			n++
		} else if first == nil {
			first = err
		}
	}
	return n, first
}

func (d *device) inject(b []byte) error {
	proto, ok := networkProtocol(b)
	if !ok {
		return errNotIP
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(b)})
	d.up.DeliverNetworkPacket(proto, pkt)
	pkt.DecRef()
	return nil
}

func networkProtocol(b []byte) (tcpip.NetworkProtocolNumber, bool) {
	switch header.IPVersion(b) {
	case header.IPv4Version:
		return header.IPv4ProtocolNumber, true
	case header.IPv6Version:
		return header.IPv6ProtocolNumber, true
	}
	return 0, false
}

// read waits for the stack to send, then fills batch.
func (d *device) read(batch []*buf.Packet) (int, error) {
	if len(batch) == 0 {
		return 0, nil
	}
	for {
		if d.next == len(d.taken) && !d.take() {
			return 0, errClosed
		}
		if n := d.fill(batch); n > 0 {
			return n, nil
		}
	}
}

// take swaps the reader's empty list for the queue, and sleeps while the queue is
// empty too. It returns false once the device is closed.
func (d *device) take() bool {
	clear(d.taken)
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.queue) == 0 && !d.closed {
		d.ready.Wait()
	}
	d.queue, d.taken, d.next = d.taken[:0], d.queue, 0
	return !d.closed
}

// fill copies taken packets to the front of batch.
func (d *device) fill(batch []*buf.Packet) int {
	n := 0
	for n < len(batch) && d.next < len(d.taken) {
		pkt := d.taken[d.next]
		d.next++
		if copyOut(batch[n], pkt) {
			n++
		} else {
			d.drops.Add(1)
		}
		pkt.DecRef()
	}
	return n
}

func copyOut(p *buf.Packet, pkt *stack.PacketBuffer) bool {
	p.Reset()
	room := p.Room()
	if pkt.Size() > len(room) {
		return false
	}
	views, skip := pkt.AsViewList()
	n := 0
	for v := views.Front(); v != nil; v = v.Next() {
		b := v.AsSlice()
		if skip >= len(b) {
			skip -= len(b)
			continue
		}
		n += copy(room[n:], b[skip:])
		skip = 0
	}
	p.SetLen(n)
	narrowWindow(p.Bytes())
	return true
}

// send queues a packet for read and takes a reference of its own. It returns false
// if there is no room.
func (d *device) send(pkt *stack.PacketBuffer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.queue) >= queueLimit {
		d.drops.Add(1)
		return false
	}
	if d.queue = append(d.queue, pkt.IncRef()); len(d.queue) == 1 {
		d.ready.Signal()
	}
	return true
}

// sendRaw queues a whole IP packet that did not come from the stack.
func (d *device) sendRaw(b []byte) {
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(b)})
	d.send(pkt)
	pkt.DecRef()
}

func (d *device) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// close wakes the reader and waits for a batch that is on its way in.
func (d *device) close() {
	d.mu.Lock()
	d.closed = true
	d.ready.Broadcast()
	d.mu.Unlock()
	d.writing.Lock()
	//lint:ignore SA2001 an empty section is the wait
	d.writing.Unlock()
}
