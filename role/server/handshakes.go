package server

import (
	"fmt"
	"net/netip"
	"time"

	"culvert/config"
	"culvert/session"
)

// handshakes bounds the TLS handshakes of newcomers, which cost the server what nothing
// before them does, for each source (session.Source) by handshakes-per-address. Besides, a
// tls-crypt-v2 key may begin keyHandshakes from wherever it is: who has one cannot keep
// another client of the same address out.
type handshakes struct {
	rate          session.Rate
	sources, keys *session.Limiter
}

// keyHandshakes is what a tls-crypt-v2 key may begin beyond the limit of its address: a
// client that comes back, and is let down a few times.
var keyHandshakes = session.Rate{N: 5, Per: 10 * time.Second}

// newHandshakes returns the limits of a configuration. Without the directive they are those
// of the answers to first packets, which connect-freq-initial can only raise.
func newHandshakes(c config.Server) *handshakes {
	r := session.Rate(c.HandshakesPerAddress)
	if r.N == 0 {
		r = session.SourceAnswers.OrMore(session.Rate(c.ConnectFreqInitial))
	}
	return &handshakes{r, session.NewLimiter(r), session.NewLimiter(keyHandshakes)}
}

// follow goes on with the counts of the rules before.
func (h *handshakes) follow(before *handshakes) {
	h.keys = before.keys
	if h.rate == before.rate {
		h.sources = before.sources
	}
}

// allow counts a handshake that begins, with the client's tls-crypt-v2 key or nil, and
// reports whether it may.
func (h *handshakes) allow(now time.Time, from netip.Addr, key []byte) bool {
	return h.sources.Allow(now, from) || key != nil && h.keys.AllowKey(now, key)
}

// err says which limit is met.
func (h *handshakes) err() error {
	return fmt.Errorf("more handshakes begin from there than %d in %v; a large office behind one address needs more (handshakes-per-address)", h.rate.N, h.rate.Per)
}
