package hub

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/nic/frame"
)

// Two things are done about loops. The forwarding database keeps a source in use
// behind one port from showing up behind another (bridge.Held), so that a frame
// that comes around is dropped where it comes in. And probes find the loop, and cut
// it as long as it exists.

const (
	// probeEvery is the longest time until a loop is found.
	probeEvery = 2 * time.Second
	// reopenAfter is how long a port stays cut off after the last probe that came
	// around.
	reopenAfter = 30 * time.Second
)

// loops finds the loops of a hub.
type loops struct {
	hub       *Hub
	mac       frame.MAC // probes' source
	id        uint64    // names the hub in its probes
	key       [32]byte
	round     atomic.Uint32
	warned    atomic.Int64 // when a loop behind the uplink was last logged, Unix seconds
	kick, end chan struct{}
}

func newLoops(h *Hub) *loops {
	l := &loops{hub: h, kick: make(chan struct{}, 1), end: make(chan struct{})}
	rand.Read(l.key[:])
	sum := sha256.Sum256(l.key[:])
	l.id = binary.LittleEndian.Uint64(sum[:])
	l.mac = frame.StableMAC(string(sum[:]))
	return l
}

// wake makes watch send probes at once.
func (l *loops) wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

func (l *loops) stop() { close(l.end) }

// watch sends probes and reopens ports, until stop.
func (l *loops) watch() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	p := buf.New(minFrame)
	for {
		select {
		case <-l.end:
			return
		case <-l.kick:
		case <-tick.C:
		}
		l.reopen(time.Now())
		l.round.Add(1)
		for _, port := range l.hub.Ports() {
			l.probe(port, p)
		}
	}
}

func (l *loops) reopen(now time.Time) {
	for _, p := range l.hub.Ports() {
		if p.reopen(now) {
			l.hub.log.Info("the loop is gone, and the port is open again", "port", p.name)
		}
	}
}

// probe sends a probe out of a port in each VLAN that the port carries, even if the
// port is cut off.
func (l *loops) probe(port *Port, p *buf.Packet) {
	if port.refuses() == Down {
		return
	}
	m := l.hub.members.Load()
	for vlan := range uint16(frame.MaxVLAN + 1) {
		if port.carries(vlan) && m.vlans.has(vlan) {
			l.write(p, port, vlan)
			port.write([]*buf.Packet{p})
		}
	}
}

// write makes p a probe, as the port's adapter sees it.
func (l *loops) write(p *buf.Packet, port *Port, vlan uint16) {
	out := probe{hub: l.id, round: l.round.Load(), port: uint32(port.id), vlan: vlan}
	out.proof = l.proof(out)
	b := frame.Header{Dst: loopbackAssistance, Src: l.mac, Type: typeLoopback}.Append(nil)
	b = append(b, make([]byte, minFrame-len(b))...)
	out.Append(b[:frame.HeaderLen])
	p.Set(b)
	if port.uplink && vlan != 0 {
		frame.Tag(p, vlan, 0)
	}
}

// proof returns what only this hub can know about a probe.
func (l *loops) proof(p probe) (proof [proofLen]byte) {
	mac := hmac.New(sha256.New, l.key[:])
	p.proof = proof
	mac.Write(p.Append(nil))
	copy(proof[:], mac.Sum(nil))
	return proof
}

func (l *loops) isProven(p probe) bool {
	proof := l.proof(p)
	return hmac.Equal(proof[:], p.proof[:])
}

// returned reports whether a loopback frame is a probe of this hub, and acts on it.
// Nobody else can make a probe or change its port, and a probe of an earlier round
// is not believed: whoever sends back what they were sent cuts only themselves off.
func (l *loops) returned(m *members, in *Port, f *ingress) bool {
	p, ok := parseProbe(f.Bytes()[frame.HeaderLen:])
	if !ok || p.hub != l.id {
		return false
	}
	from := slices.IndexFunc(m.ports, func(o *Port) bool { return uint32(o.id) == p.port })
	if from >= 0 && p.vlan == f.vlan && l.round.Load()-p.round <= 1 && l.isProven(p) {
		l.cut(f.now, m.ports[from], in, f.vlan)
	}
	return true
}

// cut ends a loop between two ports at the one that was added later, and never at
// the uplink. A loop that begins and ends at the uplink belongs to the LAN, and
// what comes back by it is dropped because of its source.
func (l *loops) cut(now time.Time, from, to *Port, vlan uint16) {
	if from.uplink && to.uplink {
		l.warn(now, to)
		return
	}
	victim := to
	if to.uplink || !from.uplink && from.id > to.id {
		victim = from
	}
	reason := fmt.Sprintf("loop: a probe sent by %s came back by %s", from.name, to.name)
	if victim.block(now.Add(reopenAfter), reason) {
		l.hub.log.Warn("a port is cut off because of a loop: look for what connects these ports outside the hub",
			"port", victim.name, "sent by", from.name, "came back by", to.name, "VLAN", vlan, "opens after", reopenAfter)
	}
}

// warn logs once a minute that the LAN sends back what it is sent.
func (l *loops) warn(now time.Time, uplink *Port) {
	if last := l.warned.Load(); now.Unix()-last >= 60 && l.warned.CompareAndSwap(last, now.Unix()) {
		l.hub.log.Warn("frames that leave by the uplink come back by it: there is a loop in the network behind it", "port", uplink.name)
	}
}
