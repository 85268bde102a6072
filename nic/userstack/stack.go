// Package userstack is a virtual adapter whose upper side is a TCP/IP stack in
// this process (gVisor's netstack) instead of the kernel: no device, no root.
//
// A client dials through it (DialContext, or the proxies in package proxy). A
// server lets it carry its clients' connections on to the outside with
// ordinary sockets (Forward).
package userstack

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"culvert/internal/buf"
	"culvert/nic"

	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

var _ nic.NIC = (*Stack)(nil)

// Smallest MTUs a stack must take: RFC 791 for IPv4, RFC 8200 for IPv6.
const (
	minMTU4 = 68
	minMTU6 = 1280
	maxMTU  = 65535
)

// Options describes a stack.
type Options struct {
	// Name is what Stack.Name returns and logs show. Empty means "userstack".
	Name string
	// MTU is the largest IP packet in bytes: 68 to 65535, and at least 1280
	// with an IPv6 address.
	MTU int
	// Addresses are the adapter's own, each with the prefix of its network.
	Addresses []netip.Prefix
	// DNS are the servers that DialContext asks for names, in order, through the
	// stack.
	DNS []netip.AddrPort
	// SystemDNS lets this host's own resolver answer names instead of DNS. Names
	// then do not go through the tunnel.
	SystemDNS bool
	// Memory is how many bytes TCP connections may take for data under way. One
	// client of a server may take a quarter of it. 0 means 512 MiB.
	Memory int64
}

// defaultMemory is for hosts that set no limit.
const defaultMemory = 512 << 20

// Stack is an adapter with a TCP/IP stack behind it. All methods are safe for
// concurrent use, ReadBatch and WriteBatch by one goroutine each.
type Stack struct {
	name      string
	mtu       int
	addresses []netip.Addr
	dev       *device
	ip        *stack.Stack
	lookup    lookupFunc
	own       *budget        // of what is dialled here
	clients   *budget        // of what is forwarded
	networks  []netip.Prefix // with the addresses

	closed    atomic.Bool
	closeOnce sync.Once
	mu        sync.Mutex
	forwarder *Forwarder
}

// New makes a stack whose default routes for both families lead to the adapter. It
// fails if an option is out of range.
func New(o Options) (*Stack, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = "userstack"
	}
	s := &Stack{name: o.Name, mtu: o.MTU, dev: newDevice(o.MTU)}
	memory := cmp.Or(o.Memory, defaultMemory)
	s.own, s.clients = newBudget(memory, memory), newBudget(memory/4, memory)
	for _, p := range o.Addresses {
		s.addresses = append(s.addresses, p.Addr().Unmap())
		s.networks = append(s.networks, p)
	}
	s.lookup = newLookup(o, s.DialContext)
	var err error
	if s.ip, err = newIPStack(s.dev, o.Addresses); err != nil {
		return nil, fmt.Errorf("userstack %s: %w", o.Name, err)
	}
	return s, nil
}

func (o Options) check() error {
	if o.MTU < minMTU4 || o.MTU > maxMTU {
		return fmt.Errorf("userstack: MTU %d is outside %d to %d; set it to the tunnel's tun-mtu", o.MTU, minMTU4, maxMTU)
	}
	for _, p := range o.Addresses {
		switch {
		case !p.IsValid():
			return fmt.Errorf("userstack: invalid address %v; give an address with a prefix length, such as 10.8.0.2/24", p)
		case p.Addr().Is6() && !p.Addr().Is4In6() && o.MTU < minMTU6:
			return fmt.Errorf("userstack: MTU %d is too small for IPv6 address %v; use at least %d or leave the address out", o.MTU, p, minMTU6)
		}
	}
	return nil
}

// Name is the name from Options.
func (s *Stack) Name() string { return s.name }

// MTU is the largest IP packet in bytes.
func (s *Stack) MTU() int { return s.mtu }

// Kind is IP.
func (s *Stack) Kind() nic.Kind { return nic.IP }

// ReadBatch waits for packets the stack sends. See nic.NIC.
func (s *Stack) ReadBatch(batch []*buf.Packet) (int, error) { return s.dev.read(batch) }

// WriteBatch gives packets to the stack. See nic.NIC. Packets that are not IP are
// skipped; the first makes the error.
func (s *Stack) WriteBatch(batch []*buf.Packet) (int, error) { return s.dev.write(batch) }

// Drops returns how many packets from the stack were lost because ReadBatch came
// too late or its buffers were too small.
func (s *Stack) Drops() uint64 { return s.dev.drops.Load() }

// Close resets every connection, and ends pending calls and the forwarder. It
// returns once the forwarder's connections are gone.
func (s *Stack) Close() error {
	s.closeOnce.Do(s.close)
	return nil
}

func (s *Stack) close() {
	s.closed.Store(true)
	s.mu.Lock()
	f := s.forwarder
	s.mu.Unlock()
	if f != nil {
		f.cancel(net.ErrClosed)
	}
	s.dev.close()
	closeIPStack(s.ip)
	if f != nil {
		f.wait()
	}
}

func (s *Stack) owns(a netip.Addr) bool { return slices.Contains(s.addresses, a) }

// hasFamily reports whether the adapter has an address of a's family.
func (s *Stack) hasFamily(a netip.Addr) bool {
	return slices.ContainsFunc(s.addresses, func(own netip.Addr) bool { return own.Is4() == a.Is4() })
}
