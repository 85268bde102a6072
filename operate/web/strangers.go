package web

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"culvert/session"
)

// Bounds of connections at one time, and of requests that lead to nothing.
const (
	mostConns     = 512
	mostOfOne     = 32 // of one source
	missesAtOnce  = 30 // of one source; each missEvery gives one back
	missEvery     = 4 * time.Second
	sourcesOfMiss = 4096
)

// sourceOf is who counts as one (session.Source).
func sourceOf(address string) netip.Prefix {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Prefix{}
	}
	return session.Source(at.Addr())
}

// forwarded is where a request comes from, with the address that a program on this host says
// which passes it on: the last one, which it adds itself. What another host says does not count.
func forwarded(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return r.RemoteAddr
	}
	all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	from, err := netip.ParseAddr(strings.TrimSpace(all[len(all)-1]))
	if err != nil {
		return r.RemoteAddr
	}
	return netip.AddrPortFrom(from.Unmap().WithZone(""), 0).String()
}

// misses counts requests that led to nothing, of each source: whoever guesses is slowed
// down.
type misses struct {
	mu sync.Mutex
	// spent is when a source has none left to pay for.
	spent map[netip.Prefix]time.Time
}

func newMisses() *misses { return &misses{spent: map[netip.Prefix]time.Time{}} }

// wait is how long a source has to wait; 0: not at all.
func (m *misses) wait(from netip.Prefix, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(0, max(0, m.spent[from].Sub(now))-(missesAtOnce-1)*missEvery)
}

// add notes one more.
func (m *misses) add(from netip.Prefix, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.spent[from]; !known && len(m.spent) >= sourcesOfMiss {
		m.forget(now)
	}
	at := m.spent[from]
	if at.Before(now) || at.Sub(now) > missesAtOnce*missEvery { // the clock was set back
		at = now
	}
	m.spent[from] = at.Add(missEvery)
}

// forget makes room: of those that have paid, or else of any.
func (m *misses) forget(now time.Time) {
	for from, at := range m.spent {
		if at.Before(now) {
			delete(m.spent, from)
		}
	}
	for from := range m.spent {
		if len(m.spent) < sourcesOfMiss {
			return
		}
		delete(m.spent, from)
	}
}
