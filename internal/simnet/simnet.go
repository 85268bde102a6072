// Package simnet is a datagram network in memory with the faults of a real one:
// delay, loss, duplication, reordering, a small MTU, and addresses that change.
// Its endpoints are sockets in batches, the same as link.Link.
//
// Equal seeds give equal faults: each endpoint draws from a random sequence of its
// own, so that the fate of its datagrams depends only on what it sends. Inside a
// testing/synctest bubble, delays take no real time.
package simnet

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Options are the network's faults. The zero value is a perfect network that
// delivers at once. Shares are from 0 (never) to 1 (always).
type Options struct {
	Seed   uint64
	Delay  time.Duration // one way
	Jitter time.Duration // more delay, uniform from 0 to this; it reorders too
	Loss   float64       // share of datagrams lost

	Duplicate float64 // share delivered twice
	// Reorder is the share held back by up to twice Delay (2 ms when Delay
	// is 0), so that later ones overtake.
	Reorder float64
	// MTU is the largest IP packet in bytes that passes, counting 28 bytes of IPv4
	// and UDP headers or 48 of IPv6 and UDP. Larger ones are lost silently. 0 means
	// no limit.
	MTU int
	// Filter, if any, sees each datagram first and may change its bytes; a
	// datagram for which it returns false is lost. It must not call the
	// network.
	Filter func(from, to netip.AddrPort, datagram []byte) bool
	// Farther, if any, is more delay on the way from one address to another. What it
	// delays equally may change its order.
	Farther func(from, to netip.AddrPort) time.Duration
}

// ErrAddress is wrapped by errors of Listen and Rebind for an address that is in
// use or does not name one endpoint.
var ErrAddress = errors.New("address in use, or without host or port")

// Network carries datagrams between its endpoints.
type Network struct {
	mu        sync.Mutex
	options   Options
	endpoints map[netip.AddrPort]*Endpoint
	inOrder   []datagram // under way for just Delay
}

type datagram struct {
	from, to netip.AddrPort
	bytes    []byte
}

// New returns a network without endpoints.
func New(o Options) *Network {
	return &Network{options: o, endpoints: make(map[netip.AddrPort]*Endpoint)}
}

// Change lets change set other faults, except the seed. Datagrams under way are not
// lost because of it, and keep their order.
func (n *Network) Change(change func(o *Options)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.options)
}

// Listen returns a socket at addr, which must name a host and port. The error
// wraps ErrAddress.
func (n *Network) Listen(addr netip.AddrPort) (*Endpoint, error) {
	e := &Endpoint{network: n}
	e.change.L = &e.mu
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.bind(e, addr); err != nil {
		return nil, err
	}
	h := fnv.New64a()
	fmt.Fprint(h, addr)
	e.random = rand.New(rand.NewPCG(n.options.Seed, h.Sum64()))
	return e, nil
}

// bind moves e to addr. The caller holds mu.
func (n *Network) bind(e *Endpoint, addr netip.AddrPort) error {
	if holder := n.endpoints[addr]; holder != nil && holder != e ||
		!addr.IsValid() || addr.Addr().IsUnspecified() || addr.Port() == 0 {
		return fmt.Errorf("simnet: %v: %w", addr, ErrAddress)
	}
	delete(n.endpoints, e.addr)
	n.endpoints[addr] = e
	e.addr = addr
	return nil
}

// errClosed is the final error of an endpoint.
var errClosed = fmt.Errorf("simnet: the endpoint is closed: %w", fs.ErrClosed)

// send decides the fate of d, drawn from random. The caller holds mu.
func (n *Network) send(d datagram, random *rand.Rand) {
	o := &n.options
	// All faults are drawn for every datagram, so that the share of one does not
	// shift the sequence of the others.
	lost := random.Float64() < o.Loss
	twice := random.Float64() < o.Duplicate
	late := random.Float64() < o.Reorder
	jitter, hold := random.Float64(), random.Float64()
	if o.Filter != nil && !o.Filter(d.from, d.to, d.bytes) || lost || o.tooBig(d) {
		return
	}
	extra := time.Duration(jitter * float64(o.Jitter))
	if late {
		extra += time.Duration(hold * float64(2*max(o.Delay, time.Millisecond)))
	}
	if o.Farther != nil {
		extra += o.Farther(d.from, d.to)
	}
	n.transmit(d, extra)
	if twice {
		n.transmit(d, extra)
	}
}

func (o *Options) tooBig(d datagram) bool {
	headers := 48
	if d.to.Addr().Is4() {
		headers = 28
	}
	return o.MTU > 0 && len(d.bytes)+headers > o.MTU
}

// transmit delivers d after Delay and extra. The caller holds mu.
func (n *Network) transmit(d datagram, extra time.Duration) {
	delay := n.options.Delay
	switch {
	case extra > 0:
		time.AfterFunc(delay+extra, func() { n.arrive(d) })
	case delay > 0:
		// Timers for the same instant fire in any order. The queue restores the
		// order.
		n.inOrder = append(n.inOrder, d)
		time.AfterFunc(delay, n.arriveNext)
	default:
		n.deliver(d)
	}
}

func (n *Network) arrive(d datagram) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deliver(d)
}

func (n *Network) arriveNext() {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.inOrder[0]
	n.inOrder = n.inOrder[1:]
	n.deliver(d)
}

// deliver hands d to whoever is at its address now. The caller holds mu.
func (n *Network) deliver(d datagram) {
	if e := n.endpoints[d.to]; e != nil {
		e.receive(d)
	}
}
