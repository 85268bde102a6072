package hub

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/bridge"
	"culvert/nic/frame"
)

// PortOptions say how an adapter is connected to its hub.
type PortOptions struct {
	// Name is the port's; "" for the adapter's own.
	Name string
	// MAC is the adapter's address, which no other port may use as a source. Zero
	// means that the adapter has none of its own.
	MAC frame.MAC
	// OwnMAC says that the adapter may send only from MAC. Then it can take no
	// other station's address, and no stations can be behind it.
	OwnMAC bool
	// VLAN is the one the adapter is in, without knowing it: frames are untagged at
	// the adapter and tagged at the uplink. 0 is the LAN without a tag.
	VLAN uint16
	// MTU is the largest payload of a frame in bytes; 0 means the adapter's.
	MTU int
	// Uplink says that the port leads out: frames for unknown stations go there,
	// and it carries every VLAN, with tags. A hub has at most one.
	Uplink bool
	// Flood is how many frames a second the port may send to all others; 0 means
	// the hub's limit.
	Flood int
}

// Port is a member of a hub.
type Port struct {
	Counters

	taps atomic.Pointer[[]*TapFunc] // nil without any

	name   string
	nic    nic.NIC
	mac    frame.MAC
	own    bool // may send from mac only
	vlan   uint16
	mtu    int
	uplink bool
	storm  *rate.Limiter // for what its goroutine floods

	id      int // no other port of this hub has had it
	slot    int // no other port of this hub has it now
	writing sync.Mutex
	done    chan struct{} // closed when it has left
	// removed is done when the port is removed on purpose; remove does that.
	removed context.Context
	remove  context.CancelFunc

	state   atomic.Int32 // a State
	mu      sync.Mutex   // of what follows
	down    bool
	blocked time.Time // when to open; zero if it is not blocked
	reason  string
}

// State says whether the port forwards frames.
type State int32

// States.
const (
	Forwarding  State = iota
	PortDown          // taken down by whoever runs the hub
	PortBlocked       // cut off because of a loop
)

func (s State) String() string { return [...]string{"up", "down", "blocked"}[s] }

// MTUs that an Ethernet adapter can have; the least is IPv4's (RFC 791).
const (
	minMTU = 68
	maxMTU = 65535 - frame.MaxHeader
)

func newPort(n nic.NIC, o PortOptions, flood int) (*Port, error) {
	if o.Name == "" {
		o.Name = n.Name()
	}
	if o.MTU == 0 {
		o.MTU = n.MTU()
	}
	if o.Flood == 0 {
		o.Flood = flood
	}
	switch {
	case n.Kind() != nic.Ethernet:
		return nil, fmt.Errorf("%s carries IP packets without Ethernet: plug in an adapter of frames (TAP)", o.Name)
	case o.VLAN > frame.MaxVLAN:
		return nil, fmt.Errorf("%s: VLAN %d: expected 1 to %d, or 0 for none", o.Name, o.VLAN, frame.MaxVLAN)
	case o.Uplink && o.VLAN != 0:
		return nil, fmt.Errorf("%s: the uplink carries every VLAN and is in none: leave VLAN %d out", o.Name, o.VLAN)
	case o.MAC.IsGroup():
		return nil, fmt.Errorf("%s: %s is the address of a group: choose one whose first byte is even, such as 02:00:00:00:00:01", o.Name, o.MAC)
	case o.OwnMAC && !o.MAC.IsStation():
		return nil, fmt.Errorf("%s may send from its own address only, but has none: give it one", o.Name)
	case o.Flood < 0:
		return nil, fmt.Errorf("%s: %d frames a second to all others: expected 1 or more, or 0 for the usual", o.Name, o.Flood)
	case o.MTU < minMTU || o.MTU > maxMTU:
		return nil, fmt.Errorf("%s: an MTU of %d: expected %d to %d", o.Name, o.MTU, minMTU, maxMTU)
	}
	removed, remove := context.WithCancel(context.Background())
	return &Port{
		removed: removed, remove: remove,
		name: o.Name, nic: n, mac: o.MAC, own: o.OwnMAC, vlan: o.VLAN, mtu: o.MTU, uplink: o.Uplink,
		storm: bridge.NewStorm(o.Flood), done: make(chan struct{}),
	}, nil
}

// Name is the port's name.
func (p *Port) Name() string { return p.name }

// MAC is the adapter's address, zero if it has none.
func (p *Port) MAC() frame.MAC { return p.mac }

// OwnMAC reports whether the adapter may send from its own address only.
func (p *Port) OwnMAC() bool { return p.own }

// VLAN is the one the adapter is in, 0 for none.
func (p *Port) VLAN() uint16 { return p.vlan }

// MTU is the largest payload of a frame in bytes.
func (p *Port) MTU() int { return p.mtu }

// NIC is the adapter, which the hub alone reads, writes and closes.
func (p *Port) NIC() nic.NIC { return p.nic }

// Uplink reports whether the port leads out.
func (p *Port) Uplink() bool { return p.uplink }

// State returns whether the port forwards frames and, if it is blocked, why.
func (p *Port) State() (s State, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return State(p.state.Load()), p.reason
}

// SetUp takes the port up or down. New ports are up.
func (p *Port) SetUp(up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = !up
	p.settle()
}

// settle derives the state from the other fields. The caller holds mu.
func (p *Port) settle() {
	s := Forwarding
	switch {
	case p.down:
		s = PortDown
	case !p.blocked.IsZero():
		s = PortBlocked
	}
	p.state.Store(int32(s))
}

// block cuts the port off until a time, and reports whether it was not cut off
// before.
func (p *Port) block(until time.Time, reason string) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	news = p.blocked.IsZero()
	p.blocked = until
	if news {
		p.reason = reason
	}
	p.settle()
	return news
}

// reopen ends a block whose time is over, and reports whether there was one.
func (p *Port) reopen(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blocked.IsZero() || now.Before(p.blocked) {
		return false
	}
	p.blocked, p.reason = time.Time{}, ""
	p.settle()
	return true
}

// refuses returns why the port neither takes nor gives frames now, or Kept.
func (p *Port) refuses() Drop {
	switch State(p.state.Load()) {
	case PortDown:
		return Down
	case PortBlocked:
		return Blocked
	}
	return Kept
}

// carries reports whether frames of a VLAN go to the adapter.
func (p *Port) carries(vlan uint16) bool { return p.uplink || p.vlan == vlan }

// addressLimit returns how many addresses the port may show, 0 for the default.
func (p *Port) addressLimit() int {
	if p.uplink {
		return uplinkAddresses
	}
	return 0
}

// rank puts the uplink before adapters if both show an address.
func (p *Port) rank() int {
	if p.uplink {
		return 1
	}
	return 0
}

// send gives stations' frames to the adapter, already as the adapter should see
// them.
func (p *Port) send(frames []*buf.Packet) {
	n, bytes := p.write(frames), 0
	for _, f := range frames[:n] { // adapters do not say which ones they took
		bytes += f.Len()
	}
	p.OutFrames.Add(uint64(n))
	p.OutBytes.Add(uint64(bytes))
	p.drops.AddN(Unsent, len(frames)-n)
}

// write is send without counting, for the hub's own frames.
func (p *Port) write(frames []*buf.Packet) int {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.show(Out, frames)
	n, _ := p.nic.WriteBatch(frames)
	return n
}
