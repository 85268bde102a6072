package tunnel

import (
	"log/slog"
	"sync/atomic"
	"time"

	"culvert/link"
	"culvert/nic/frame"
)

const (
	// lookEvery is the least time between two questions to the system about a path.
	lookEvery = 100 * time.Millisecond
	// believeFor is how long the system's answer is believed before it is asked
	// again, for a packet that is too long for the path: routes change, and the
	// system forgets after some minutes.
	believeFor = time.Minute
)

// width is what the path to a peer carries. It is found out after the system
// refused a datagram as too large (`mtu-disc yes`), and by measuring (Peer.Carries).
type width struct {
	inner    atomic.Int32 // the longest packet inside, bytes; 0: not known to be limited
	measured atomic.Int32 // the same, as it was measured
	asked    atomic.Int64 // when the system was asked last, in Unix nanoseconds
}

func (w *width) forget() {
	w.inner.Store(0)
	w.measured.Store(0)
	w.asked.Store(0)
}

// limit is the longest packet inside that passes, bytes; 0: not known to be limited.
func (w *width) limit() int {
	inner, measured := int(w.inner.Load()), int(w.measured.Load())
	if inner == 0 || measured > 0 && measured < inner {
		return measured
	}
	return inner
}

// due reports whether this caller may ask the system again. It also may if the
// clock was set back.
func (w *width) due(now time.Time, after time.Duration) bool {
	asked := w.asked.Load()
	return time.Duration(now.UnixNano()-asked).Abs() >= after && w.asked.CompareAndSwap(asked, now.UnixNano())
}

// maxInner is the largest inner IP packet that TCP should use, in bytes; 0 leaves
// TCP alone.
func (p *Peer) maxInner() int {
	most, limit := int(p.MaxInner.Load()), p.width.limit()
	if c := int(p.Cautious.Load()); c > 0 && p.found.Load() == nil && (limit == 0 || c < limit) {
		limit = c
	}
	if most > 0 && limit > 0 {
		return min(most, limit)
	}
	return most
}

// tooNarrow reports whether the path to a peer is known not to carry an IP packet
// of size bytes. It may have to ask the system, as look does.
func (r *Road) tooNarrow(now time.Time, p *Peer, size int) bool {
	limit := p.width.limit()
	if limit == 0 || size <= limit {
		return false
	}
	if inner := int(p.width.inner.Load()); inner > 0 && size > inner && p.width.due(now, believeFor) {
		r.look(p)
	}
	limit = p.width.limit()
	return limit > 0 && size > limit
}

// lookAtPaths finds out what the paths to the batch's receivers carry, after the
// link refused a packet as too large.
func (s *sender) lookAtPaths() {
	now := time.Now()
	for _, peer := range s.held {
		if peer.link == s.link && peer.width.due(now, lookEvery) {
			s.road.look(peer)
		}
	}
}

// look asks the system what the path to a peer carries.
func (r *Road) look(p *Peer) {
	path, ok := p.link.(link.Path)
	if !ok {
		return
	}
	remote := p.Path().Remote
	mtu, ok := path.PathMTU(remote)
	if !ok {
		return
	}
	inner := p.Data.Fit(mtu - link.DatagramOverhead(!remote.Addr().Unmap().Is4()))
	if r.Ethernet {
		inner -= frame.HeaderLen
	}
	if inner <= 0 {
		return
	}
	if before := p.width.inner.Swap(int32(inner)); before != int32(inner) && r.OnPath != nil {
		r.OnPath(p, mtu, inner)
	}
}

// LogPaths returns an OnPath that logs.
func LogPaths(log *slog.Logger) func(p *Peer, mtu, inner int) {
	return func(p *Peer, mtu, inner int) {
		log.Warn("the path to the peer is narrow and `mtu-disc` forbids fragmenting packets on it: packets inside the tunnel are kept small enough for it",
			"peer", p.Name(), "path-bytes", mtu, "inside-bytes", inner)
	}
}
