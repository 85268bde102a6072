package lease

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Lease is the addresses that a client has while it is connected.
type Lease struct {
	IPv4, IPv6 netip.Addr // not valid where the server leases none
	index      int        // in the pool; noIndex: the addresses are not the pool's
}

// Addrs returns the addresses of the lease.
func (l *Lease) Addrs() (list []netip.Addr) {
	for _, a := range []netip.Addr{l.IPv4, l.IPv6} {
		if a.IsValid() {
			list = append(list, a)
		}
	}
	return list
}

// noIndex is the index of a lease that is not the pool's.
const noIndex = -1

// pool leases addresses, the same ones to the same name if it can: clients that come
// back find what they had. An address goes to another name only when every one has
// been leased before, the longest unused first. It is safe for concurrent use.
type pool struct {
	layout *Layout

	mu      sync.Mutex
	inUse   map[int]*Lease
	byName  map[string]int // the last lease of each name
	names   map[int]string // and the other way
	fresh   int            // indices from here on were never leased
	history []int          // indices with a name and not in use, longest unused first; and those passed over because they are kept
	changes int            // how many there have been
	kept    Kept           // nil: none are
}

// Kept reports whether an address is one client's own, so that no other is leased it. It
// answers at once.
type Kept func(netip.Addr) bool

func newPool(l *Layout) *pool {
	return &pool{layout: l, inUse: make(map[int]*Lease), byName: make(map[string]int), names: make(map[int]string)}
}

// ask implements lessor: an address is free at once, or none is.
func (p *pool) ask(*Holder) <-chan struct{} { return nil }

// take implements lessor.
func (p *pool) take(h *Holder) (*Lease, error) {
	v4, _ := h.own()
	return p.acquireNear(h.memory(), v4)
}

// giveBack implements lessor.
func (p *pool) giveBack(h *Holder) { p.release(h.Lease) }

// push implements lessor: the pool has nothing to say.
func (p *pool) push(*Holder) []string { return nil }

// size returns how many leases there are in all. With both families a lease is a
// pair.
func (p *pool) size() int {
	l := p.layout
	if l.pool.count > 0 && l.pool6.count > 0 {
		return min(l.pool.count, l.pool6.count)
	}
	return max(l.pool.count, l.pool6.count)
}

func (p *pool) lease(index int) *Lease {
	lease := &Lease{index: index}
	if p.layout.pool.count > 0 {
		lease.IPv4 = p.layout.pool.at(index)
	}
	if p.layout.pool6.count > 0 {
		lease.IPv6 = p.layout.pool6.at(index)
	}
	return lease
}

// acquireNear leases the index that an address belongs to, whoever holds it, or any
// index if it belongs to none. Without a pool, a client with an address of its own
// takes none.
func (p *pool) acquireNear(name string, a netip.Addr) (*Lease, error) {
	if p.size() == 0 && a.IsValid() {
		return &Lease{index: noIndex}, nil
	}
	index, ok := p.layout.pool.index(a)
	if !a.IsValid() || !ok {
		return p.acquire(name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	lease := p.lease(index)
	p.occupy(lease, name)
	return lease, nil
}

// acquire leases addresses to a name; "" for nobody in particular. It fails with
// ErrNoLease.
func (p *pool) acquire(name string) (*Lease, error) {
	if p.layout.ethernet && p.size() == 0 { // its addresses come from elsewhere
		return &Lease{index: noIndex}, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	index, ok := p.byName[name]
	if !ok || p.inUse[index] != nil || name == "" || p.keeps(index) {
		if index, ok = p.pick(); !ok {
			return nil, p.exhausted()
		}
	}
	lease := p.lease(index)
	p.occupy(lease, name)
	return lease, nil
}

// exhausted says why there is no lease.
func (p *pool) exhausted() error {
	if p.size() == 0 {
		return fmt.Errorf("%w: there is no pool (nopool), and no ifconfig-push for this client", ErrNoLease)
	}
	if len(p.inUse) < p.size() {
		return fmt.Errorf("%w: %d of %d are leased, and the others are kept for devices", ErrNoLease, len(p.inUse), p.size())
	}
	return fmt.Errorf("%w: all %d are leased", ErrNoLease, p.size())
}

// pick finds a free index: one that was never leased, else the one longest unused.
func (p *pool) pick() (int, bool) {
	for p.fresh < p.size() {
		index := p.fresh
		p.fresh++
		_, known := p.names[index]
		switch {
		case known || p.inUse[index] != nil:
		case p.keeps(index):
			if !slices.Contains(p.history, index) {
				p.history = append(p.history, index)
			}
		default:
			return index, true
		}
	}
	for _, index := range p.history {
		if !p.keeps(index) {
			return index, true
		}
	}
	return 0, false
}

// keeps reports whether an address of an index is somebody's own.
func (p *pool) keeps(index int) bool {
	return p.kept != nil && slices.ContainsFunc(p.lease(index).Addrs(), p.kept)
}

func (p *pool) occupy(lease *Lease, name string) {
	if i := slices.Index(p.history, lease.index); i >= 0 {
		p.history = slices.Delete(p.history, i, i+1)
	}
	p.inUse[lease.index] = lease
	p.assign(lease.index, name)
}

// assign remembers the name that an index was last leased to.
func (p *pool) assign(index int, name string) {
	if p.names[index] == name {
		return
	}
	delete(p.byName, p.names[index])
	delete(p.names, index)
	if name != "" {
		if before, ok := p.byName[name]; ok {
			delete(p.names, before)
		}
		p.byName[name], p.names[index] = index, name
	}
	p.changes++
}

// release ends a lease. A second time, or for nil, it does nothing, even if the
// addresses have been leased again.
func (p *pool) release(lease *Lease) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if lease != nil && p.inUse[lease.index] == lease {
		delete(p.inUse, lease.index)
		p.history = append(p.history, lease.index)
	}
}

// shun ends a lease and leaves its addresses out of the pool for a time.
func (p *pool) shun(lease *Lease, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if lease == nil || p.inUse[lease.index] != lease {
		return
	}
	blocked := &Lease{index: lease.index}
	p.inUse[lease.index] = blocked
	time.AfterFunc(d, func() { p.release(blocked) })
}

// leased returns how many indices are in use.
func (p *pool) leased() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.inUse)
}

// dump returns the text of an ifconfig-pool-persist file, with name, IPv4 and IPv6
// address on each line, and how many changes it includes.
func (p *pool) dump() (text []byte, changes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := make([]string, 0, len(p.byName))
	for name := range p.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !storable(name) {
			continue
		}
		lease := p.lease(p.byName[name])
		text = fmt.Appendf(text, "%s,%s,%s\n", name, addrText(lease.IPv4), addrText(lease.IPv6))
	}
	return text, p.changes
}

// storable reports whether a name can be read back unchanged from a line of the
// file: names come from certificates, which may hold anything.
func storable(name string) bool {
	return strings.TrimSpace(name) == name && !strings.ContainsAny(name, ",\r\n") && !strings.ContainsAny(name[:1], "#;")
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// load takes what dump or OpenVPN wrote. It returns what is wrong with the lines that
// it could not use: a wrong line costs one client its old address, no more.
func (p *pool) load(text []byte) (problems []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if err := p.restore(line); err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", n, err))
		}
	}
	if err := lines.Err(); err != nil {
		problems = append(problems, err.Error())
	}
	p.changes = 0
	return problems
}

func (p *pool) restore(line string) error {
	fields := strings.Split(line, ",")
	if len(fields) < 2 || fields[0] == "" {
		return fmt.Errorf("%.60q is not NAME,IPV4,IPV6", line)
	}
	index, ok := -1, false
	for _, field := range fields[1:] {
		addr, err := netip.ParseAddr(strings.TrimSpace(field))
		if err != nil {
			continue
		}
		if index, ok = p.indexOf(addr); ok {
			break
		}
	}
	if !ok {
		return fmt.Errorf("%.60q names no address of this server's pool", line)
	}
	if _, taken := p.names[index]; taken {
		return fmt.Errorf("%.60q names an address twice", line)
	}
	p.assign(index, fields[0])
	p.history = append(p.history, index)
	return nil
}

// indexOf finds an address in the pool. In OpenVPN's file a net30 line has the network
// address of the /30.
func (p *pool) indexOf(a netip.Addr) (int, bool) {
	for _, r := range []addrRange{p.layout.pool, p.layout.pool6} {
		if i, ok := r.index(a); ok {
			return i, i < p.size()
		}
	}
	if p.layout.pool.stride == 4 {
		i, ok := p.layout.pool.index(addrPlus(a, 2))
		return i, ok && i < p.size()
	}
	return 0, false
}
