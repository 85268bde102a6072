// Package hub is a virtual Ethernet switch: many adapters on one uplink. Frames
// between its ports cross in memory; frames for unknown stations go to the uplink.
// A port is any adapter that carries Ethernet frames: a TAP device, one in memory
// (NewPair), one that swallows everything (nic.Null), a tunnel, or the packet
// socket of a physical adapter.
//
// Each port has one goroutine, which forwards what its adapter sends, a batch at a
// time (forward.go). The goroutines share the list of ports, which is replaced as a
// whole when it changes, and the forwarding database (bridge.Table).
package hub

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"culvert/nic"
	"culvert/nic/bridge"
)

// Options are the options of a Hub.
type Options struct {
	// Log gets a line when a port is cut off or removed; nil for no log.
	Log *slog.Logger
	// Flood is how many frames a second a port may send to all others, unless its
	// own options say otherwise; 0 means bridge.DefaultFlood.
	Flood int
}

// Hub is a switch. Any goroutine may call its methods.
type Hub struct {
	log     *slog.Logger
	flood   int
	table   *bridge.Table[*Port]
	members atomic.Pointer[members] // read-copy-update
	loops   *loops

	contests rate.Sometimes // limits log lines about contests

	changing sync.Mutex // of members
	ports    int        // made so far
	closed   bool
	running  sync.WaitGroup
}

// members are the ports at one time. A members is never changed, only replaced.
type members struct {
	ports  []*Port
	uplink *Port // nil without one
	vlans  vlanSet
}

// vlanSet has a bit for each VLAN that an adapter is in.
type vlanSet [4096 / 64]uint64

func (s *vlanSet) add(vlan uint16)      { s[vlan/64] |= 1 << (vlan % 64) }
func (s *vlanSet) has(vlan uint16) bool { return s[vlan/64]&(1<<(vlan%64)) != 0 }

// uplinkAddresses is how many addresses may be behind the uplink: a whole LAN.
const uplinkAddresses = bridge.DefaultTotal / 2

// Start makes a hub without ports. It runs until Close.
func Start(o Options) *Hub {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Hub{log: o.Log, flood: o.Flood}
	h.table = bridge.NewTable(bridge.Limits[*Port]{PortLimit: (*Port).addressLimit, Rank: (*Port).rank})
	h.contests.Interval = bridge.ContestInterval
	h.members.Store(new(members))
	h.loops = newLoops(h)
	h.running.Go(h.loops.watch)
	return h
}

// Errors of Add, Port and Remove.
var (
	ErrTaken  = errors.New("taken already")
	ErrNoPort = errors.New("no such port")
	ErrClosed = errors.New("the hub is closed")
)

// Add makes an adapter a port. The hub owns the adapter from then on, unless Add
// fails.
func (h *Hub) Add(n nic.NIC, o PortOptions) (*Port, error) {
	p, err := newPort(n, o, h.flood)
	if err != nil {
		return nil, err
	}
	h.changing.Lock()
	defer h.changing.Unlock()
	if err := h.unfit(p); err != nil {
		return nil, err
	}
	h.ports++
	p.id = h.ports
	p.slot = freeSlot(h.members.Load().ports)
	if p.mac.IsStation() {
		h.table.Pin(p.vlan, p.mac, p)
	}
	h.replace(append(slices.Clone(h.members.Load().ports), p))
	h.running.Go(func() { h.carry(p) })
	h.loops.wake()
	return p, nil
}

// unfit returns why a port cannot join the others. The caller holds changing.
func (h *Hub) unfit(p *Port) error {
	if h.closed {
		return ErrClosed
	}
	for _, other := range h.members.Load().ports {
		switch {
		case other.name == p.name:
			return fmt.Errorf("the name %s is %w: choose another, or remove that port first", p.name, ErrTaken)
		case other.uplink && p.uplink:
			return fmt.Errorf("the place of the uplink is %w by %s: remove it first", ErrTaken, other.name)
		case other.mac == p.mac && p.mac.IsStation():
			return fmt.Errorf("the address %s is %w by %s: choose another", p.mac, ErrTaken, other.name)
		}
	}
	return nil
}

// freeSlot returns the lowest number that no port has.
func freeSlot(ports []*Port) (slot int) {
	for slices.ContainsFunc(ports, func(p *Port) bool { return p.slot == slot }) {
		slot++
	}
	return slot
}

// replace publishes a new list of ports. The caller holds changing.
func (h *Hub) replace(ports []*Port) {
	m := &members{ports: ports}
	for _, p := range ports {
		if p.uplink {
			m.uplink = p
		} else {
			m.vlans.add(p.vlan)
		}
	}
	h.members.Store(m)
}

// Ports returns the present ports, in the order they were added.
func (h *Hub) Ports() []*Port { return slices.Clone(h.members.Load().ports) }

// Port finds a port by its name.
func (h *Hub) Port(name string) (*Port, error) {
	ports := h.members.Load().ports
	for _, p := range ports {
		if p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s: %w; there is %s", name, ErrNoPort, names(ports))
}

func names(ports []*Port) string {
	var s []string
	for _, p := range ports {
		s = append(s, p.name)
	}
	if s == nil {
		return "none"
	}
	return strings.Join(s, ", ")
}

// Remove closes a port's adapter, and returns once nothing is carried from it any
// more.
func (h *Hub) Remove(name string) error {
	p, err := h.Port(name)
	if err != nil {
		return err
	}
	p.remove()
	err = p.nic.Close()
	<-p.done
	return err
}

// leave removes a port whose adapter has ended.
func (h *Hub) leave(p *Port, err error) {
	if p.removed.Err() == nil {
		h.log.Error("the port's adapter is gone, and the port with it", "port", p.name, "error", err)
	}
	p.nic.Close()
	h.changing.Lock()
	h.replace(slices.DeleteFunc(slices.Clone(h.members.Load().ports), func(o *Port) bool { return o == p }))
	h.changing.Unlock()
	h.table.Forget(p)
	close(p.done)
}

// Close ends the hub, and closes the adapter of every port.
func (h *Hub) Close() error {
	h.changing.Lock()
	h.closed = true
	ports := h.members.Load().ports
	h.changing.Unlock()
	h.loops.stop()
	var errs []error
	for _, p := range ports {
		p.remove()
		errs = append(errs, p.nic.Close())
	}
	h.running.Wait()
	return errors.Join(errs...)
}
