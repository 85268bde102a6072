package session

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"culvert/session/negotiate"
	"culvert/session/wire"
)

// handshake carries the handshakes of key generations on: what is said inside
// TLS until there are data keys. The order of the first is:
//
//  1. resets, then TLS
//  2. the client's key source, then the server's
//  3. the push, where keys wait for the cipher it names
//
// and of a later one the same without the push.
type handshake struct {
	*news
	cfg     *Config
	control *control
	data    *Data

	identity *identity // of the peer, fixed by the first handshake
	renamed  string    // the user name that the server gave to the client instead; "": none
	params   negotiate.Params
	login    login   // client
	pull     pull    // client
	verdict  verdict // server
}

// identity is what must not change when keys are renewed.
type identity struct {
	commonName, username string
}

// exchangeKeys sends this side's key exchange message and takes the peer's, as
// far as what has arrived allows: a client's goes first.
func (h *handshake) exchangeKeys(now time.Time, g *generation) error {
	if g.tls.established && g.phase == phaseTLS {
		g.phase = phaseKeys
		g.course.end(StageTLS, now)
		if !h.cfg.Server {
			if err := h.sendLogin(g); err != nil {
				return err
			}
		}
	}
	if g.phase != phaseKeys {
		return nil
	}
	return h.receiveKeys(now, g)
}

// sendLogin sends a client's keys with its user name and password, or asks for
// these first when they were forgotten.
func (h *handshake) sendLogin(g *generation) error {
	if g.renews() && h.login.forgotten() {
		h.emit(LoginNeeded{})
		return nil
	}
	return h.sendKeys(g)
}

// sendKeys sends this side's key exchange message.
func (h *handshake) sendKeys(g *generation) error {
	m := &wire.KeyMethod2{Source: g.source, Options: h.cfg.Options}
	if h.cfg.Server {
		m.Options = negotiate.FramedAs(g.peer.Options, h.cfg.Options)
	} else {
		m.Username, m.Password = h.login.use()
	}
	if h.cfg.P2P || !h.cfg.Server {
		m.PeerInfo = h.cfg.PeerInfo.String()
	}
	message, err := wire.AppendKeyMethod2(nil, m, !h.cfg.Server)
	if err != nil {
		return err
	}
	return g.tls.Write(message)
}

// receiveKeys takes the peer's key exchange message, once all of it is there.
func (h *handshake) receiveKeys(now time.Time, g *generation) error {
	if len(g.tls.plain) == 0 {
		return nil
	}
	peer, n, err := wire.ParseKeyMethod2(g.tls.plain, h.cfg.Server)
	if errors.Is(err, wire.ErrShort) {
		return nil
	}
	if err != nil {
		return err
	}
	g.tls.plain = g.tls.plain[n:]
	g.peer = peer
	if err := h.checkIdentity(g.tls.conn.ConnectionState(), peer.Username); err != nil {
		return err
	}
	g.course.end(StageKeys, now)
	renews := h.control.keys.active != nil
	parting := renews && h.control.speech.ended()
	if h.cfg.Server && renews && h.cfg.Reauthenticate && !parting {
		g.phase = phaseVerdict
		h.emit(Reauth{Key: g.id, Hello: helloOf(g)})
		return nil
	}
	if h.cfg.Server {
		if err := h.sendKeys(g); err != nil {
			return err
		}
	}
	g.phase = phasePush
	switch {
	case parting: // the new connection only carries the last message
		return nil
	case renews:
		return h.install(now, g)
	}
	return h.agreeOrAsk(now, g)
}

// agreeOrAsk goes on with a first handshake whose keys are exchanged.
func (h *handshake) agreeOrAsk(now time.Time, g *generation) error {
	switch {
	case h.cfg.P2P:
		return h.agree(now, g)
	case h.cfg.Server:
		hello := helloOf(g)
		h.verdict.hello = hello
		h.emit(hello)
	default:
		h.pull.begin(now)
		h.emit(Asking{})
	}
	return nil
}

// helloOf is what a client's key exchange message says of it.
func helloOf(g *generation) *Hello {
	h := &Hello{
		TLS:      g.tls.conn.ConnectionState(),
		PeerInfo: negotiate.ParsePeerInfo(g.peer.PeerInfo), PeerInfoNames: negotiate.PeerInfoNames(g.peer.PeerInfo),
		Options:  g.peer.Options,
		Username: g.peer.Username, Password: g.peer.Password,
	}
	g.peer.Password = ""
	return h
}

// checkIdentity holds a renewal to the certificate and user name of the first
// handshake, or to the name that goes with the token that the client was given.
func (h *handshake) checkIdentity(state tls.ConnectionState, username string) error {
	is := identity{commonName(state.PeerCertificates), username}
	if h.identity == nil {
		h.identity = &is
	}
	if h.renamed != "" && username == h.renamed {
		is.username = h.identity.username
	}
	if *h.identity != is {
		return fmt.Errorf("%w: from %q to %q", ErrIdentity, h.identity.commonName, is.commonName)
	}
	return nil
}

// explainAfter is when a handshake that does not end is explained: it is known then,
// and said within five seconds however busy the machine is.
const explainAfter = 4500 * time.Millisecond

// pushSilence is how long a server may say nothing at all while it is asked for
// a push, which it would acknowledge. It is longer than what a server's slow
// login script holds it up for, if that runs in the foreground.
const pushSilence = 15 * time.Second

var errFellSilent = errors.New("the server fell silent while it was asked for its push; it may have restarted and no longer know this session")

// advance ends a handshake that takes too long, and asks for the push.
func (h *handshake) advance(now time.Time) {
	g := h.control.keys.next
	if g == nil {
		return
	}
	if g.phase == phasePush && h.pull.due(now) {
		h.control.send("PUSH_REQUEST")
	}
	if h.takesLong(g) && !now.Before(g.started.Add(explainAfter)) {
		g.explained = true
		h.emit(Delayed{Stage: h.control.stage(g), Anew: g.anew(), Clock: h.control.skew(now)})
	}
	if !now.Before(g.until) {
		h.control.giveUp(g, nil)
	} else if limit := h.silenceLimit(g); limit > 0 && now.Sub(h.data.LastReceived()) >= limit {
		h.control.giveUp(g, errFellSilent)
	}
}

// takesLong reports whether a handshake is explained once it has gone on for
// explainAfter: a first one that waits for the path or the peer's program, not
// for a login.
func (h *handshake) takesLong(g *generation) bool {
	last := phasePush
	if h.cfg.Server {
		last = phaseKeys
	}
	return h.control.keys.active == nil && !g.explained && g.phase <= last && !g.pending
}

// silenceLimit is how long a client in its handshake waits while nothing is
// heard; 0: for as long as the handshake may take.
func (h *handshake) silenceLimit(g *generation) time.Duration {
	switch {
	case g.pending:
		return h.cfg.HandWindow
	case g.phase == phasePush && h.cfg.pulls():
		return min(pushSilence, h.cfg.HandWindow)
	}
	return 0
}

// deadlines gives the times at which advance has something to do.
func (h *handshake) deadlines(by func(time.Time)) {
	g := h.control.keys.next
	if g == nil {
		return
	}
	by(g.until)
	if h.takesLong(g) {
		by(g.started.Add(explainAfter))
	}
	if limit := h.silenceLimit(g); limit > 0 {
		by(h.data.LastReceived().Add(limit))
	}
	by(h.pull.next)
}
