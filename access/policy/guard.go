package policy

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"culvert/access"
	"culvert/tunnel"
)

// Guard judges the packets of a server's clients by a policy, which may be replaced at any
// time. Make it with NewGuard. It is safe for concurrent use.
type Guard struct {
	counters counters
	whoIs    func(*access.Applicant) Who
	seatAt   atomic.Pointer[func(netip.Addr) *Seat]

	mu     sync.Mutex // for what follows, where it changes
	policy atomic.Pointer[Policy]
	gen    uint32
	last   uint64 // number of a seat
	seats  map[*Seat]bool
}

// Seat is a client's place at a guard, with its connections.
type Seat struct {
	guard     *Guard
	state     atomic.Pointer[state]
	number    uint64 // no other seat of the guard has it; from 1
	applicant *access.Applicant
	flows     flows
}

// state is what a client may do now. It is replaced as a whole.
type state struct {
	policy *Policy
	class  *class
	gen    uint32
}

// NewGuard makes a guard that goes by p. whoIs says who a client is; what it says may
// change (Reconsider).
func NewGuard(p *Policy, whoIs func(*access.Applicant) Who) *Guard {
	g := &Guard{whoIs: whoIs, seats: make(map[*Seat]bool)}
	g.policy.Store(p)
	return g
}

// FindBy says how the client is found that has an address, nil for nobody: an error about a
// packet between two clients may come from a third. at must not wait.
func (g *Guard) FindBy(at func(netip.Addr) *Seat) { g.seatAt.Store(&at) }

// Policy returns what the guard goes by now.
func (g *Guard) Policy() *Policy { return g.policy.Load() }

// Settings returns what a client is pushed.
func (g *Guard) Settings(a *access.Applicant) Settings { return g.Policy().Settings(g.whoIs(a)) }

// Enter gives a client a seat. Call Leave when it has gone.
func (g *Guard) Enter(a *access.Applicant) *Seat {
	s := &Seat{guard: g, applicant: a}
	s.flows.init(&g.counters)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last++
	s.number = g.last
	p := g.policy.Load()
	s.state.Store(&state{p, p.classOf(g.whoIs(a)), g.gen})
	g.seats[s] = true
	return s
}

// Leave forgets a client.
func (g *Guard) Leave(s *Seat) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seats[s] {
		delete(g.seats, s)
		s.flows.end()
	}
}

// Adopt goes by another policy from now on. Connections that it does not allow end at
// once.
func (g *Guard) Adopt(p *Policy) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.change(p)
}

// Reconsider finds out anew who each client is, such as after a user has changed groups.
func (g *Guard) Reconsider() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.change(g.policy.Load())
}

// change gives all seats a new state. What takes time is done before the first is changed,
// since two clients that go by different policies reach nothing of each other.
func (g *Guard) change(p *Policy) {
	g.gen++
	next := make(map[*Seat]*state, len(g.seats))
	for s := range g.seats {
		next[s] = &state{p, p.classOf(g.whoIs(s.applicant)), g.gen}
	}
	g.policy.Store(p)
	for s, now := range next {
		s.state.Store(now)
	}
}

// Statistics are what a guard has seen.
type Statistics struct {
	Opened  uint64 // connections, of which answers may pass
	Evicted uint64 // connections that made room for others
	Barred  uint64 // connections that were allowed, and ended by a change
	Places  int64  // for connections, that memory is kept for
}

// Statistics returns the counts since the guard was made.
func (g *Guard) Statistics() Statistics {
	c := &g.counters
	return Statistics{c.Opened.Load(), c.Evicted.Load(), c.Barred.Load(), c.places.Load()}
}

// Judge decides about an IP packet. from and to are the clients that it comes from and is
// for; nil for what is behind the server, or the server itself. why says which line of the
// file drops it. It neither allocates, but for the first connections of a client, nor waits.
func (g *Guard) Judge(now time.Time, from, to *Seat, b []byte) (drop tunnel.Drop, why string) {
	var j judgement
	if !j.begin(from, to) {
		return tunnel.Kept, ""
	}
	if j.policy == nil {
		return tunnel.Denied, "the policy is being replaced"
	}
	if !j.packet.read(b) {
		return tunnel.Unjudged, ""
	}
	j.now = uint32(now.Unix())
	return j.judge()
}
