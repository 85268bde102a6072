package policy

import (
	"net/netip"

	"culvert/tunnel"
)

// judgement is one packet before the guard.
type judgement struct {
	from, to         *Seat  // nil: what is behind the server
	opener, receiver *class // of from and to
	policy           *Policy
	gen              uint32
	now              uint32 // seconds
	packet           packet
}

// begin notes who is concerned. It returns false if they may do everything. While a policy
// is replaced, the two sides may go by different ones for a moment: then policy stays nil.
func (j *judgement) begin(from, to *Seat) bool {
	j.from, j.to = from, to
	for range 4 {
		var a, b *state
		free := true
		if from != nil {
			a = from.state.Load()
			free = a.class.free
			j.policy, j.opener, j.gen = a.policy, a.class, a.gen
		}
		if to != nil {
			b = to.state.Load()
			free = free && b.class.free
			j.policy, j.receiver, j.gen = b.policy, b.class, j.gen+b.gen
		}
		if a == nil || b == nil || a.policy == b.policy {
			return !free
		}
		j.policy = nil
	}
	return true
}

func (j *judgement) judge() (tunnel.Drop, string) {
	p := &j.packet
	if p.part == laterPart {
		return j.laterPart()
	}
	drop, why := j.connection()
	if drop == tunnel.Kept && p.part == firstPart {
		j.follow()
	}
	return drop, why
}

// follow notes that parts may follow the first one, from where it ends. If there were
// several first ones, it is where the longest does.
func (j *judgement) follow() {
	seat, other := j.seat()
	k := partKey(&j.packet, j.from != nil, other)
	life := uint64(j.packet.offset) << lifeEnd
	f, _ := seat.flows.find(&k, j.now)
	if f == nil {
		seat.flows.put(k, false, life, j.gen, j.now)
		return
	}
	before := f.life.Load()
	life = max(life, before>>lifeEnd<<lifeEnd)
	if f.life.CompareAndSwap(before, life|uint64(j.now)) { // else somebody else's packet has the place
		f.gen.Store(j.gen)
	}
}

// seat returns the client in whose table the packet's connection is, if its sender opened
// it, and the other side.
func (j *judgement) seat() (seat, other *Seat) {
	if j.from != nil {
		return j.from, j.to
	}
	return j.to, nil
}

// laterPart decides about a part of a packet that has no ports: it follows the first.
func (j *judgement) laterPart() (tunnel.Drop, string) {
	seat, other := j.seat()
	k := partKey(&j.packet, j.from != nil, other)
	f, _ := seat.flows.find(&k, j.now)
	switch {
	case f == nil || f.gen.Load() != j.gen:
	case j.packet.offset < int(f.life.Load()>>lifeEnd):
		return tunnel.Unjudged, "a part of a packet that lies over its first part"
	default:
		return tunnel.Kept, ""
	}
	return tunnel.Unjudged, "a part of a packet whose first part did not come before, or was dropped"
}

// connection decides about a packet with ports by its connection, and if it is of none, by
// the rules.
func (j *judgement) connection() (tunnel.Drop, string) {
	p := &j.packet
	if p.proto != protoICMP && p.proto != protoICMPv6 || p.isEcho() {
		if k := j.find(p); k.flow != nil {
			return j.known(&k)
		}
		return j.open()
	}
	var about packet
	if p.embedded(&about) && j.concerns(&about) {
		return tunnel.Kept, ""
	}
	return j.mayOpen(p)
}

// found is the known connection of a packet.
type found struct {
	*flow      // nil: there is none
	key        key
	inSenders  bool // its table is that of the packet's sender
	bySender   bool // the packet's sender opened it
	lifeBefore uint64
}

// find finds the connection of a packet.
func (j *judgement) find(p *packet) (k found) {
	if j.from != nil {
		k.key = keyOf(p, true, j.to)
		f, byPeer := j.from.flows.find(&k.key, j.now)
		if f != nil {
			k.flow, k.inSenders, k.bySender, k.lifeBefore = f, true, !byPeer, f.life.Load()
			return k
		}
	}
	if j.to != nil {
		k.key = keyOf(p, false, j.from)
		if f, byPeer := j.to.flows.find(&k.key, j.now); f != nil {
			k.flow, k.bySender, k.lifeBefore = f, byPeer, f.life.Load()
		}
	}
	return k
}

// known decides about a packet of a known connection.
func (j *judgement) known(k *found) (drop tunnel.Drop, why string) {
	p, life := &j.packet, k.lifeBefore
	switch opens := p.proto == protoTCP && p.flags&(flagSYN|flagACK) == flagSYN; {
	case opens && (!k.bySender || life&(lifeReset|lifeBarred|lifeFin|lifeFinOther) != 0):
		return j.again(k)
	case p.asks() && !k.bySender: // both ask with one identifier
		return j.mayOpen(p)
	}
	if k.gen.Load() != j.gen || life&lifeBarred != 0 {
		if allowed, why := j.allowed(p, !k.bySender); !allowed {
			if life&lifeBarred == 0 && k.life.CompareAndSwap(life, life|lifeBarred) {
				seat, _ := j.seat()
				seat.flows.all.Barred.Add(1)
			}
			return tunnel.Denied, why
		}
		now := life&^(lifeBarred|lifeLoose) | j.looseness(k.bySender)
		if k.life.CompareAndSwap(life, now) { // else the next packet does it
			k.gen.Store(j.gen)
		}
		life = now
	}
	k.touch(life, j.changes(k.bySender), j.now)
	return tunnel.Kept, ""
}

// again decides about a packet that opens a connection between ports that had one.
func (j *judgement) again(k *found) (drop tunnel.Drop, why string) {
	if drop, why := j.mayOpen(&j.packet); drop != tunnel.Kept {
		return drop, why
	}
	if !k.inSenders {
		k.key.rest |= keyByPeer
	}
	k.write(&k.key, j.looseness(true)|uint64(j.now), j.gen)
	return tunnel.Kept, ""
}

// looseness is the bit of a connection that who did not open it may open, too.
func (j *judgement) looseness(bySender bool) uint64 {
	if both, _ := j.allowed(&j.packet, bySender); both {
		return lifeLoose
	}
	return 0
}

// changes are the bits of a connection's life that a packet sets.
func (j *judgement) changes(bySender bool) (bits uint64) {
	if !bySender {
		bits |= lifeAnswered
	}
	if j.packet.proto != protoTCP {
		return bits
	}
	if j.packet.flags&flagRST != 0 {
		bits |= lifeReset
	}
	if j.packet.flags&flagFIN != 0 && bySender {
		bits |= lifeFin
	}
	if j.packet.flags&flagFIN != 0 && !bySender {
		bits |= lifeFinOther
	}
	return bits
}

// allowed returns whether the sender of p, or with reverse its receiver, may open p's
// connection.
func (j *judgement) allowed(p *packet, reverse bool) (allowed bool, why string) {
	from, to, src, dst := j.opener, j.receiver, p.src, p.dst
	proto, port := p.class()
	if reverse {
		from, to, src, dst = to, from, dst, src
		if proto == tcp || proto == udp {
			port = p.sport
		}
	}
	return j.policy.verdict(opens(from, to, src, dst, proto, port))
}

// mayOpen decides about a packet by the rules alone.
func (j *judgement) mayOpen(p *packet) (tunnel.Drop, string) {
	if allowed, why := j.allowed(p, false); !allowed {
		return tunnel.Denied, why
	}
	return tunnel.Kept, ""
}

// open decides about a packet of no known connection, and enters one if it opens it.
func (j *judgement) open() (tunnel.Drop, string) {
	p := &j.packet
	if drop, why := j.mayOpen(p); drop != tunnel.Kept {
		return drop, why
	}
	if !p.begins() {
		return tunnel.Kept, ""
	}
	seat, other := j.seat()
	seat.flows.put(keyOf(p, j.from != nil, other), j.from == nil, j.looseness(true), j.gen, j.now)
	return tunnel.Kept, ""
}

// begins reports whether a packet of no known connection opens one. TCP's first packet
// does. A later one does if its port says that it is from who opened it: then the table
// was lost, or had no need of the connection before.
func (p *packet) begins() bool {
	switch {
	case p.proto != protoTCP:
		return !p.answersEcho()
	case p.flags&flagRST != 0:
		return false
	case p.flags&flagSYN != 0:
		return p.flags&flagACK == 0
	}
	return p.sport > p.dport
}

// concerns reports whether an error is about a packet that the receiver of the error could
// send: of a known connection, or of one that both sides may open. Errors come from whom the
// packet went to, and from what is behind the server: that host, or a router.
func (j *judgement) concerns(about *packet) bool {
	with := j.from
	if at := j.seatAt(); at != nil {
		if with = at(about.dst); j.from != nil && j.from != with {
			return false
		}
	}
	c := judgement{now: j.now}
	if !c.begin(with, j.to) {
		return true
	}
	if c.policy == nil { // it is being replaced
		return false
	}
	answer := packet{src: about.dst, dst: about.src, proto: about.proto, sport: about.dport, dport: about.sport, kind: about.kind}
	if k := c.find(&answer); k.flow != nil && k.gen.Load() == c.gen && k.lifeBefore&lifeBarred == 0 {
		return true
	}
	there, _ := c.allowed(&answer, false)
	back, _ := c.allowed(&answer, true)
	return there && back
}

// seatAt returns what finds clients by their addresses; nil where nothing does.
func (j *judgement) seatAt() func(netip.Addr) *Seat {
	seat, _ := j.seat()
	if at := seat.guard.seatAt.Load(); at != nil {
		return *at
	}
	return nil
}
