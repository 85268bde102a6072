package policy

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
)

// The size of a client's connection table: levels, each four times the one before, made
// when the ones before are full.
const (
	firstLevel = 64 // connections
	levels     = 4
	ways       = 4 // places for one connection in a level
)

// MaxFlows is how many connections one client can have in its table.
const MaxFlows = firstLevel * (1 + 4 + 16 + 64)

// maxAll bounds the connections of all clients: places of 64 bytes.
const maxAll = 4 << 20

// key is a connection as the client sees it in whose table it is.
type key struct {
	peer, own [2]uint64
	rest      uint64 // ports, protocol and what the bits below say
	seat      uint64 // the peer's number; 0: it is no client
}

// The bits of key.rest: its own port, the peer's port, the protocol, and these.
const (
	keyPart   = 1 << 40 // the parts of a packet; the ports are its id
	keyFrom   = 1 << 41 // those that the client sends
	keyByPeer = 1 << 62 // the peer opened it: not a part of the key
	keyUsed   = 1 << 63
)

// The bits of a flow's life: when its last packet came, in seconds, and these.
const (
	lifeAnswered = 1 << 32 // the other side has sent a packet
	lifeFin      = 1 << 33 // who opened it has ended it
	lifeFinOther = 1 << 34 // the other side has
	lifeReset    = 1 << 35
	lifeBarred   = 1 << 36 // it was allowed once and is no more
	lifeLoose    = 1 << 37 // both sides may open it: it may be forgotten
	lifeEnd      = 40      // shifted by so much: where the first part of a packet ends, in bytes
)

// flow is a place for a connection. seq is odd while somebody writes it; who reads it looks
// at seq before and after.
type flow struct {
	seq  atomic.Uint32
	gen  atomic.Uint32 // of the rules by which it was judged last
	life atomic.Uint64
	key  [6]atomic.Uint64
}

// flows is a client's connection table. Nobody waits in it for anybody. Make it with init.
type flows struct {
	seed   uint64
	levels [levels]atomic.Pointer[[]flow]
	ended  atomic.Bool
	all    *counters
}

// counters are those of all tables.
type counters struct {
	Opened, Evicted, Barred atomic.Uint64
	places                  atomic.Int64
}

func (t *flows) init(all *counters) { t.seed, t.all = rand.Uint64(), all }

// end gives back the table's share of what all have. Packets that are being judged find
// no room any more.
func (t *flows) end() {
	t.ended.Store(true)
	for i := range t.levels {
		t.giveBack(i)
	}
}

func (t *flows) giveBack(i int) {
	if l := t.levels[i].Swap(nil); l != nil {
		t.all.places.Add(-int64(len(*l)))
	}
}

func words128(a netip.Addr) [2]uint64 {
	b := a.As16()
	return [2]uint64{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

// keyOf returns the key of p's connection in the table of its sender, or of its receiver.
// other is the other one of the two; nil: it is no client.
func keyOf(p *packet, sender bool, other *Seat) key {
	own, peer, ownPort, peerPort := p.src, p.dst, p.sport, p.dport
	if !sender {
		own, peer, ownPort, peerPort = peer, own, peerPort, ownPort
	}
	k := key{peer: words128(peer), own: words128(own), rest: keyUsed | uint64(p.proto)<<32 | uint64(peerPort)<<16 | uint64(ownPort)}
	if other != nil {
		k.seat = other.number
	}
	return k
}

// partKey is the key of the parts of the packet that p is a part of.
func partKey(p *packet, sender bool, other *Seat) key {
	k := keyOf(p, sender, other)
	k.rest = keyUsed | keyPart | uint64(p.id)
	if p.src.Is4() { // with IPv6, a later part does not tell
		k.rest |= uint64(p.proto) << 32
	}
	if sender {
		k.rest |= keyFrom
	}
	return k
}

// hash says where in each level the connection's places are.
func (t *flows) hash(k *key) uint64 {
	h := t.seed
	for _, w := range [...]uint64{k.peer[0], k.peer[1], k.own[0], k.own[1], k.rest &^ keyByPeer, k.seat} {
		high, low := bits.Mul64(h^w, 0x9e3779b97f4a7c15)
		h = high ^ low ^ w
	}
	return h ^ h>>29
}

// bucket are the places for a hash in a level.
func bucket(level []flow, hash uint64) []flow {
	at := int(hash) & (len(level) - 1) &^ (ways - 1)
	return level[at : at+ways]
}

// is reports whether a connection is at this place, and whether the peer opened it.
func (f *flow) is(k *key) (byPeer, is bool) {
	seq := f.seq.Load()
	rest := f.key[4].Load()
	if seq&1 != 0 || rest&^keyByPeer != k.rest || f.key[0].Load() != k.peer[0] || f.key[1].Load() != k.peer[1] ||
		f.key[2].Load() != k.own[0] || f.key[3].Load() != k.own[1] || f.key[5].Load() != k.seat || f.seq.Load() != seq {
		return false, false
	}
	return rest&keyByPeer != 0, true
}

// find returns the place of a connection that is not forgotten, and whether the peer
// opened it; nil if there is none.
func (t *flows) find(k *key, now uint32) (f *flow, byPeer bool) {
	if t.levels[0].Load() == nil {
		return nil, false
	}
	hash := t.hash(k)
	for i := levels - 1; i >= 0; i-- {
		level := t.levels[i].Load()
		if level == nil {
			continue
		}
		places := bucket(*level, hash)
		for j := range places {
			if byPeer, is := places[j].is(k); is && !expired(k.rest, places[j].life.Load(), now) {
				return &places[j], byPeer
			}
		}
	}
	return nil, false
}

// How long a connection without packets is known, in seconds.
const (
	idleTCP      = 7500 // more than two hours, after which hosts probe (RFC 5382)
	idleOpening  = 60
	idleHalf     = 3600 // one side has ended it
	idleClosed   = 60
	idleReset    = 10
	idleUDP      = 180
	idleAsked    = 60 // UDP without an answer
	idleEcho     = 30
	idleOther    = 600
	idleFragment = 15
)

// expired reports whether a connection is forgotten. rest is of its key.
func expired(rest, life uint64, now uint32) bool {
	return int32(now-uint32(life)) > idle(rest, life)
}

func idle(rest, life uint64) int32 {
	if rest&keyPart != 0 {
		return idleFragment
	}
	switch proto := uint8(rest >> 32); {
	case proto == protoTCP && life&lifeReset != 0:
		return idleReset
	case proto == protoTCP && life&lifeFin != 0 && life&lifeFinOther != 0:
		return idleClosed
	case proto == protoTCP && life&(lifeFin|lifeFinOther) != 0:
		return idleHalf
	case proto == protoTCP && life&lifeAnswered != 0:
		return idleTCP
	case proto == protoTCP:
		return idleOpening
	case proto == protoUDP && life&lifeAnswered == 0:
		return idleAsked
	case proto == protoUDP:
		return idleUDP
	case proto == protoICMP || proto == protoICMPv6:
		return idleEcho
	}
	return idleOther
}

// put enters a connection. life has its bits; loose ones take no other's place.
func (t *flows) put(k key, byPeer bool, life uint64, gen, now uint32) {
	if byPeer {
		k.rest |= keyByPeer
	}
	life |= uint64(now)
	hash := t.hash(&k)
	var last []flow
	for i := range t.levels {
		level := t.level(i)
		if level == nil {
			break
		}
		last = bucket(*level, hash)
		for j := range last {
			f := &last[j]
			rest := f.key[4].Load()
			if (rest == 0 || expired(rest, f.life.Load(), now)) && f.write(&k, life, gen) {
				t.all.Opened.Add(1)
				return
			}
		}
	}
	if last == nil || life&lifeLoose != 0 {
		return
	}
	if f := oldest(last, now); f.write(&k, life, gen) {
		t.all.Evicted.Add(1)
		t.all.Opened.Add(1)
	}
}

// level returns a level, and makes it if there is room.
func (t *flows) level(i int) *[]flow {
	if l := t.levels[i].Load(); l != nil || t.ended.Load() {
		return l
	}
	size := firstLevel << (2 * i)
	if now := t.all.places.Add(int64(size)); now > maxAll && i > 0 {
		t.all.places.Add(-int64(size))
		return nil
	}
	l := make([]flow, size)
	if !t.levels[i].CompareAndSwap(nil, &l) {
		t.all.places.Add(-int64(size))
	}
	if t.ended.Load() { // meanwhile
		t.giveBack(i)
	}
	return t.levels[i].Load()
}

// oldest returns the place whose connection is missed least: one that both sides may open
// again, one that has ended, one that was not answered, or the one that was silent longest.
func oldest(places []flow, now uint32) *flow {
	best, most := &places[0], int64(-1)
	for j := range places {
		life := places[j].life.Load()
		worth := int64(now - uint32(life))
		switch {
		case life&lifeLoose != 0:
			worth += 3 << 32
		case life&(lifeReset|lifeBarred) != 0:
			worth += 2 << 32
		case life&lifeAnswered == 0:
			worth += 1 << 32
		}
		if worth > most {
			best, most = &places[j], worth
		}
	}
	return best
}

// write takes a place for a connection. It returns false if somebody else is writing it.
func (f *flow) write(k *key, life uint64, gen uint32) bool {
	seq := f.seq.Load()
	if seq&1 != 0 || !f.seq.CompareAndSwap(seq, seq+1) {
		return false
	}
	f.key[0].Store(k.peer[0])
	f.key[1].Store(k.peer[1])
	f.key[2].Store(k.own[0])
	f.key[3].Store(k.own[1])
	f.key[4].Store(k.rest)
	f.key[5].Store(k.seat)
	f.life.Store(life)
	f.gen.Store(gen)
	f.seq.Store(seq + 2)
	return true
}

// touch notes a packet of a connection: its time, in seconds, and what it changes.
func (f *flow) touch(life uint64, set uint64, now uint32) {
	next := life&^0xffffffff | uint64(now) | set
	if next != life {
		f.life.CompareAndSwap(life, next) // another packet's note is as good
	}
}
