package tunnel

import "sync"

// Statistics are the bytes that a host with one peer has carried since its
// start, over all connections.
type Statistics struct {
	AdapterRead, AdapterWritten uint64 // IP packets out of and into the adapter
	PacketsRead, PacketsWritten uint64 // how many packets those are
	LinkRead, LinkWritten       uint64 // the same bytes as packets of the data channel
}

// Traffic adds up connections that are over. The zero value is ready.
type Traffic struct {
	mu    sync.Mutex
	total Statistics
	last  *Peer // counted already
}

// Ended counts a connection that is over, once.
func (t *Traffic) Ended(p *Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total.add(p)
	t.last = p
}

// With returns the total including the present connection, nil for none.
func (t *Traffic) With(p *Peer) Statistics {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.total
	if p != nil && p != t.last {
		s.add(p)
	}
	return s
}

// Plus returns statistics with those of another connection, nil for none.
func (s Statistics) Plus(p *Peer) Statistics {
	if p != nil {
		s.add(p)
	}
	return s
}

func (s *Statistics) add(p *Peer) {
	in, out := p.Counters.InBytes.Load(), p.Counters.OutBytes.Load()
	s.AdapterRead += out
	s.AdapterWritten += in
	s.PacketsRead += p.Counters.OutPackets.Load()
	s.PacketsWritten += p.Counters.InPackets.Load()
	s.LinkRead += p.Counters.LinkIn.Load()
	s.LinkWritten += p.Counters.LinkOut.Load()
}
