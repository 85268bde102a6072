package session

import (
	"crypto/rand"
	"crypto/tls"
	"time"

	"culvert/session/reliable"
	"culvert/session/seal"
	"culvert/session/wire"
)

// phase is how far a key generation's handshake has come.
type phase int

const (
	phaseReset   phase = iota // waiting for the peer's reset
	phaseTLS                  // TLS handshake
	phaseKeys                 // inside TLS: exchanging key sources
	phaseVerdict              // renegotiation on a server: may the client stay?
	phasePush                 // first generation only: waiting for the push
	phaseActive               // data keys installed
)

// generation is one generation of keys: its TLS connection and reliable
// channel, and, once derived, its data keys.
type generation struct {
	id      wire.KeyID
	ch      *reliable.Channel
	tls     *tlsMachine
	phase   phase
	started time.Time
	until   time.Time // the handshake must end by then
	// pending: a login takes longer, by leave of the server (client). Silence
	// for the time of a handshake ends it all the same.
	pending bool

	source    wire.KeySource
	peer      *wire.KeyMethod2
	keys      *seal.Generation
	sending   bool // data is sealed with keys
	reported  seal.Usage
	installed time.Time
	heard     bool // the peer has sent anything at all
}

func newGeneration(id wire.KeyID, ch *reliable.Channel, now time.Time, window time.Duration) *generation {
	g := &generation{id: id, ch: ch, started: now, until: now.Add(window)}
	rand.Read(g.source.PreMaster[:])
	rand.Read(g.source.Random1[:])
	rand.Read(g.source.Random2[:])
	return g
}

// renews reports a generation that began with a soft reset, which is the first
// packet of its channel: with that channel idle, the peer has acknowledged it.
func (g *generation) renews() bool { return g.id != 0 }

// startTLS begins the handshake; as a client that queues the ClientHello.
func (g *generation) startTLS(config *tls.Config, server bool) {
	g.phase = phaseTLS
	g.tls = newTLSMachine(config, server)
	g.tls.Feed(nil)
}

func (g *generation) close() {
	if g.tls != nil {
		g.tls.Close()
		g.tls = nil
	}
}

// stage tells in words how far the handshake came, for whoever must find out
// why it stopped.
func (g *generation) stage() string {
	switch {
	case !g.heard:
		return "nothing was received from the peer: is it running, is the address and port right, does a firewall pass packets both ways, do both sides have the same tls-auth or tls-crypt key?"
	case g.phase == phaseReset:
		return "the peer's packets arrive but it has not answered the reset"
	case g.phase == phaseTLS && g.tls != nil && g.ch.Stalled() > 0:
		return g.stalled()
	case g.phase == phaseTLS:
		return "the peer answered the reset and TLS began, but does not finish: a peer that refused this side's certificate may fall silent here, and its log says why"
	case g.phase == phaseKeys:
		return "TLS is up on this side, but the peer's key exchange message does not come: a peer that refused this side's certificate may fall silent here, and its log says why"
	case g.phase == phaseVerdict:
		return "the peer's login has not been checked to its end"
	case g.phase == phasePush:
		return "the keys are exchanged, the server has not sent its push reply"
	}
	return "data keys are in place"
}

// largePacket is what a path may have no room for that lets small ones through.
const largePacket = 400

// stalled says why the peer may acknowledge nothing more of this side's TLS.
func (g *generation) stalled() string {
	large := g.ch.Stalled() > max(largePacket, g.ch.Passed())
	narrow := "the peer answers, but large packets are never acknowledged: the path may drop them (try max-packet-size 600)"
	switch {
	case large && g.tls.answered:
		return narrow
	case large:
		return narrow + ", or the peer finds nothing of TLS in common and falls silent; this side offers " + g.tls.offer()
	case !g.tls.answered:
		return "the peer answered the reset, and falls silent at the TLS hello: most likely it finds no version or cipher suite in common (tls-version-min, tls-cipher), and its log says so; this side offers " + g.tls.offer()
	}
	return "the peer answered the reset and TLS began, but does not finish: a peer that refused this side's certificate may fall silent here, and its log says why"
}
