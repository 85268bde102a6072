package simnet

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"

	"culvert/internal/buf"
)

// inbox is how many datagrams wait for a reader before more are lost.
const inbox = 4096

// Endpoint is a socket on a Network. All methods may be called at once.
//
// Locks are taken in the order network, endpoint.
type Endpoint struct {
	network *Network
	random  *rand.Rand     // guarded by network.mu
	addr    netip.AddrPort // guarded by network.mu

	mu     sync.Mutex
	change sync.Cond // of any field below
	queue  []datagram
	closed bool
}

// LocalAddr is the address others see.
func (e *Endpoint) LocalAddr() netip.AddrPort {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	return e.addr
}

// Rebind moves the endpoint to another address, as when an address translator
// forgets it or a phone changes networks. What arrives at the old address from
// now on is lost. The error wraps ErrAddress.
func (e *Endpoint) Rebind(addr netip.AddrPort) error {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if e.isClosed() {
		return errClosed
	}
	return e.network.bind(e, addr)
}

func (e *Endpoint) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// receive queues d for the reader.
func (e *Endpoint) receive(d datagram) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) < inbox {
		e.queue = append(e.queue, d)
		e.change.Broadcast()
	}
}

// ReadBatch waits for a datagram and takes whatever else is there. A datagram
// larger than its buffer is lost. ReadBatch fails only after Close.
func (e *Endpoint) ReadBatch(batch []*buf.Packet) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for n := 0; len(batch) > 0; {
		for len(e.queue) == 0 && !e.closed {
			e.change.Wait()
		}
		if e.closed {
			return 0, errClosed
		}
		for n < len(batch) && len(e.queue) > 0 {
			n += fill(batch[n], e.queue[0])
			e.queue = e.queue[1:]
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// fill returns the number of packets filled: none when d does not fit.
func fill(p *buf.Packet, d datagram) int {
	p.Reset()
	if len(d.bytes) > len(p.Room()) {
		return 0
	}
	p.Set(d.bytes)
	p.Path = buf.Path{Remote: d.from, Local: d.to.Addr()}
	return 1
}

// WriteBatch sends each packet to its Path.Remote. It ignores Path.Local: a Rebind
// changes the address that others see, which the sender need not know. WriteBatch
// fails only after Close; a lost datagram counts as sent.
func (e *Endpoint) WriteBatch(batch []*buf.Packet) (int, error) {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if e.isClosed() {
		return 0, errClosed
	}
	for _, p := range batch {
		e.network.send(datagram{e.addr, p.Path.Remote, slices.Clone(p.Bytes())}, e.random)
	}
	return len(batch), nil
}

// Close ends pending reads and frees the address. Closing twice is harmless.
func (e *Endpoint) Close() error {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		delete(e.network.endpoints, e.addr)
	}
	e.closed = true
	e.queue = nil
	e.change.Broadcast()
	return nil
}
