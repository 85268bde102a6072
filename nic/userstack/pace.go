package userstack

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace bounds how fast each client may open what costs this process a socket.
type pace struct {
	rate  rate.Limit
	burst int

	mu     sync.Mutex
	client map[netip.Addr]*rate.Limiter
	sweep  int // size of client at which idle ones are forgotten
}

const paceSweep = 1024

func newPace(perSecond rate.Limit, burst int) *pace {
	return &pace{rate: perSecond, burst: burst, client: make(map[netip.Addr]*rate.Limiter), sweep: paceSweep}
}

// allow reports whether a client may open one more now.
func (p *pace) allow(client netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.client[client]
	if l == nil {
		p.forget()
		l = rate.NewLimiter(p.rate, p.burst)
		p.client[client] = l
	}
	return l.Allow()
}

// forget drops idle clients, whose limiters are as good as new.
func (p *pace) forget() {
	if len(p.client) < p.sweep {
		return
	}
	now := time.Now()
	for a, l := range p.client {
		if l.TokensAt(now) >= float64(p.burst) {
			delete(p.client, a)
		}
	}
	p.sweep = max(paceSweep, 2*len(p.client))
}
