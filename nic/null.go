package nic

import (
	"fmt"
	"io/fs"
	"sync"

	"culvert/internal/buf"
)

// Null is an adapter with nothing behind it (`dev null`): it takes every packet and
// never returns one.
type Null struct {
	name   string
	kind   Kind
	mtu    int
	closed chan struct{}
	once   sync.Once
}

var _ NIC = (*Null)(nil)

// NewNull returns an open adapter.
func NewNull(name string, kind Kind, mtu int) *Null {
	return &Null{name: name, kind: kind, mtu: mtu, closed: make(chan struct{})}
}

// Name is the name given to NewNull.
func (n *Null) Name() string { return n.name }

// Kind is the kind given to NewNull.
func (n *Null) Kind() Kind { return n.kind }

// MTU is the MTU given to NewNull.
func (n *Null) MTU() int { return n.mtu }

// ReadBatch waits for Close.
func (n *Null) ReadBatch([]*buf.Packet) (int, error) {
	<-n.closed
	return 0, n.errClosed()
}

// WriteBatch takes all packets, until Close.
func (n *Null) WriteBatch(batch []*buf.Packet) (int, error) {
	select {
	case <-n.closed:
		return 0, n.errClosed()
	default:
		return len(batch), nil
	}
}

// Close ends pending reads. Closing twice is harmless.
func (n *Null) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *Null) errClosed() error { return fmt.Errorf("%s: %w", n.name, fs.ErrClosed) }
