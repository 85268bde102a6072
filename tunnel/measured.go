package tunnel

import (
	"net/netip"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/session"
)

// PathFound is what measuring the path to a peer found. Bytes are those of outer IP
// packets, and MSS is TCP's over IPv4 inside, 0 where it is left alone.
type PathFound struct {
	Bytes     int // the largest that passes; 0: not measured, the peer does not answer
	Tried     int // the largest that was tried
	MSSBefore int // without the path's limit
	MSS       int
}

// Measure has the path to the peer measured, now, from time to time, and when it may have
// changed, so that inner packets of size bytes can use it; 0 ends that, and what was
// measured holds no more. A peer that answers no other question is asked by pings between
// the addresses of e. The session reports session.PathMeasured. Measure reports whether the
// path is measured: not by a link that cannot keep packets whole (link.Whole).
func (p *Peer) Measure(size int, e session.Echo) bool {
	by, can := p.link.(link.Whole)
	on := can && size > 0
	before := p.measures.Swap(on)
	if !on {
		p.width.measured.Store(0)
		p.found.Store(nil)
		size = 0
	}
	if on || before {
		p.Do(func(now time.Time) {
			path := p.Session.Path
			path.Believes = func() int { return believed(by, p.Path().Remote) }
			path.Measure(now, size, e)
		})
	}
	return on
}

// believed is the largest datagram that the system believes to pass, bytes; 0: it does not say.
func believed(by link.Whole, remote netip.AddrPort) int {
	bytes, ok := by.Believed(remote)
	if !ok {
		return 0
	}
	return max(0, bytes-link.DatagramOverhead(!remote.Addr().Unmap().Is4()))
}

// Measures reports whether the path is measured (Measure).
func (p *Peer) Measures() bool { return p.measures.Load() }

// NewWay takes note that packets to the peer may take another way than before: the path is
// measured anew if it is at all.
func (p *Peer) NewWay() {
	if p.measures.Load() {
		p.found.Store(nil)
		p.Do(func(now time.Time) { p.Session.Path.Again(now) })
	}
}

// Found returns what was measured last; ok is false if nothing was yet, on this path.
func (p *Peer) Found() (found PathFound, ok bool) {
	if f := p.found.Load(); f != nil {
		return *f, true
	}
	return PathFound{}, false
}

// Carried is how long packets inside may be as it was measured, bytes; 0: of any length, or
// nothing was measured.
func (p *Peer) Carried() int { return int(p.width.measured.Load()) }

// Carries takes note of what was measured: inner packets have no more than this many bytes
// from now on, 0 for any.
func (p *Peer) Carries(inner int, found PathFound) {
	p.width.measured.Store(int32(inner))
	p.found.Store(&found)
}

// sendWhole sends a packet of the session that nobody on the way may cut.
func (p *Peer) sendWhole(b []byte) {
	l := p.link
	if w, ok := l.(link.Whole); ok {
		l = whole{l, w}
	}
	p.sendBy(l, b)
}

// whole sends every packet in one piece. One that is too large for this host's own adapter
// is lost, as it would be further on.
type whole struct {
	link.Link
	by link.Whole
}

func (w whole) WriteBatch(batch []*buf.Packet) (int, error) {
	for _, p := range batch {
		_ = w.by.WriteWhole(p)
	}
	return len(batch), nil
}
