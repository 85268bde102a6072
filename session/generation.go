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
	course  Course
	until   time.Time // the handshake must end by then
	// pending: the server has allowed a login more time (client). Silence for
	// the time of a handshake ends it all the same.
	pending bool

	source    wire.KeySource
	peer      *wire.KeyMethod2
	keys      *seal.Generation
	sending   bool      // data is sealed with keys
	looked    time.Time // when it was last looked whether the peer has keys
	reported  seal.Usage
	installed time.Time
	heard     bool // the peer has sent something
	explained bool // Delayed was reported
}

func newGeneration(id wire.KeyID, ch *reliable.Channel, now time.Time, window time.Duration) *generation {
	g := &generation{id: id, ch: ch, started: now, course: Course{Began: now}, until: now.Add(window)}
	rand.Read(g.source.PreMaster[:])
	rand.Read(g.source.Random1[:])
	rand.Read(g.source.Random2[:])
	return g
}

// renews reports whether the generation began with a soft reset. That is the
// first packet of its channel: once the channel is idle, the peer has
// acknowledged it.
func (g *generation) renews() bool { return g.id != 0 }

// startTLS begins the TLS handshake. A client's ClientHello is queued.
func (g *generation) startTLS(config *tls.Config, server bool) {
	g.phase = phaseTLS
	g.tls = newTLSMachine(config, server)
	g.tls.Feed(nil)
}

// silent reports whether the peer has acknowledged all that was said to it.
func (g *generation) silent() bool { return g.ch.Idle() && (g.tls == nil || g.tls.out.empty()) }

// awaitsVerdict reports whether a server has yet to let the client in by these
// keys.
func (g *generation) awaitsVerdict() bool { return g.phase == phaseVerdict || g.phase == phasePush }

// close ends the TLS connection.
func (g *generation) close() {
	if g.tls != nil {
		g.tls.Close()
		g.tls = nil
	}
}
