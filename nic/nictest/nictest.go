// Package nictest is an adapter in memory, for tests of what reads and writes
// one. It uses no goroutine and no device, and waits in a way testing/synctest
// understands.
package nictest

import (
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"syscall"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

var _ nic.NIC = (*Pipe)(nil)

// Pipe is an adapter whose operating system is the test: what the test injects is
// read from the adapter, and the test receives what is written to the adapter. Its
// queues are unbounded. All methods may be called at once.
type Pipe struct {
	name string
	kind nic.Kind
	mtu  int

	mu       sync.Mutex
	change   sync.Cond // of any field below
	outbound [][]byte
	inbound  [][]byte
	closed   bool
}

// New returns an open adapter. Inside a synctest bubble it belongs to the
// bubble.
func New(name string, mtu int) *Pipe {
	p := &Pipe{name: name, mtu: mtu}
	p.change.L = &p.mu
	return p
}

// NewEthernet is New for an adapter that carries frames.
func NewEthernet(name string, mtu int) *Pipe {
	p := New(name, mtu)
	p.kind = nic.Ethernet
	return p
}

// room is the largest packet or frame.
func (p *Pipe) room() int {
	if p.kind == nic.Ethernet {
		return p.mtu + frame.MaxHeader
	}
	return p.mtu
}

// Name is the name given to New.
func (p *Pipe) Name() string { return p.name }

// Kind is IP, or Ethernet from NewEthernet.
func (p *Pipe) Kind() nic.Kind { return p.kind }

// MTU is the MTU given to New.
func (p *Pipe) MTU() int { return p.mtu }

// Inject sends a copy of packet outbound: the adapter's reader gets it.
func (p *Pipe) Inject(packet []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outbound = append(p.outbound, slices.Clone(packet))
	p.change.Broadcast()
}

// Received waits for the next inbound packet, and takes it. After Close, when
// none is left, it returns an error that wraps fs.ErrClosed.
func (p *Pipe) Received() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.inbound) == 0 && !p.closed {
		p.change.Wait()
	}
	if len(p.inbound) == 0 {
		return nil, p.errClosed()
	}
	packet := p.inbound[0]
	p.inbound = p.inbound[1:]
	return packet, nil
}

// Drain takes all waiting inbound packets, without blocking.
func (p *Pipe) Drain() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	packets := p.inbound
	p.inbound = nil
	return packets
}

// ReadBatch takes injected packets. One larger than its buffer is lost, as on a
// kernel device. See nic.NIC.
func (p *Pipe) ReadBatch(batch []*buf.Packet) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := 0; len(batch) > 0; {
		for len(p.outbound) == 0 && !p.closed {
			p.change.Wait()
		}
		if p.closed {
			return 0, p.errClosed()
		}
		for n < len(batch) && len(p.outbound) > 0 {
			n += fill(batch[n], p.outbound[0])
			p.outbound = p.outbound[1:]
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// fill returns the number of packets filled: none when b does not fit.
func fill(p *buf.Packet, b []byte) int {
	p.Reset()
	if len(b) > len(p.Room()) {
		return 0
	}
	p.Set(b)
	return 1
}

// WriteBatch hands inbound packets to the test. An empty one or one larger
// than the MTU is refused. See nic.NIC.
func (p *Pipe) WriteBatch(batch []*buf.Packet) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, p.errClosed()
	}
	var failures buf.Failures
	for _, packet := range batch {
		if err := p.refuse(packet.Len()); err != nil {
			failures.Add(err, 1)
			continue
		}
		p.inbound = append(p.inbound, slices.Clone(packet.Bytes()))
		n++
	}
	p.change.Broadcast()
	return n, failures.Err()
}

// refuse returns why a packet of this size is not taken, or nil.
func (p *Pipe) refuse(size int) error {
	switch {
	case size == 0:
		return fmt.Errorf("nictest: %s: an empty packet", p.name)
	case size > p.room():
		return fmt.Errorf("nictest: %s: a packet of %d bytes, the MTU is %d: %w", p.name, size, p.mtu, syscall.EMSGSIZE)
	}
	return nil
}

// Close ends pending calls. Closing twice is harmless.
func (p *Pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.change.Broadcast()
	return nil
}

func (p *Pipe) errClosed() error {
	return fmt.Errorf("nictest: %s: %w", p.name, fs.ErrClosed)
}
