package client

import (
	"fmt"
	"sync"
	"time"

	"culvert/endpoint"
	"culvert/tunnel"
)

// Statistics are the bytes carried since the start, over all connections.
type Statistics struct {
	AdapterRead, AdapterWritten uint64 // IP packets out of and into the adapter
	LinkRead, LinkWritten       uint64 // the same as packets of the data channel
}

// traffic adds up connections that are over.
type traffic struct {
	mu    sync.Mutex
	total Statistics
	last  *tunnel.Peer // counted already
}

func (t *traffic) ended(p *tunnel.Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total.add(p)
	t.last = p
}

// with is the total with the connection at present.
func (t *traffic) with(p *tunnel.Peer) Statistics {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.total
	if p != nil && p != t.last {
		s.add(p)
	}
	return s
}

func (s *Statistics) add(p *tunnel.Peer) {
	in, out := p.Counters.InBytes.Load(), p.Counters.OutBytes.Load()
	s.AdapterRead += out
	s.AdapterWritten += in
	s.LinkRead += p.Counters.LinkIn.Load()
	s.LinkWritten += p.Counters.LinkOut.Load()
}

// Statistics are what was carried so far.
func (c *Client) Statistics() Statistics { return c.traffic.with(c.peer.Load()) }

// Status is the statistics as OpenVPN writes them.
func (c *Client) Status() []byte { return c.Statistics().format(time.Now()) }

func (s Statistics) format(now time.Time) []byte {
	return fmt.Appendf(nil, `OpenVPN STATISTICS
Updated,%s
TUN/TAP read bytes,%d
TUN/TAP write bytes,%d
TCP/UDP read bytes,%d
TCP/UDP write bytes,%d
Auth read bytes,%d
END
`, now.Format(time.DateTime), s.AdapterRead, s.AdapterWritten, s.LinkRead, s.LinkWritten, s.AdapterWritten)
}

// keepStatus writes the status file now, as often as `status` says, and, by
// the function it returns, at the end.
func (c *Client) keepStatus() (stop func()) {
	return endpoint.KeepStatus(c.cfg, c.log, c.Status)
}
