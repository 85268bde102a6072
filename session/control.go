package session

import (
	"errors"
	"fmt"
	"time"

	"culvert/session/reliable"
	"culvert/session/wire"
)

// control is the control channel: the key generations, each with its TLS
// connection over a reliable channel, behind one port.
type control struct {
	*news
	cfg     *Config
	port    *port
	keys    *generations
	renewal *renewal
	data    *Data // notes when packets come and go
	speech  speech
	stats   Stats
	forged  time.Time // when forged packets were last reported
}

// input takes a packet. The result is the generation that it was for, whose
// handshake may go on now; with an error the packet was ignored.
func (c *control) input(now time.Time, packet []byte) (*generation, error) {
	p, err := c.port.unwrap(packet)
	if err != nil {
		c.stats.BadControl++
		return nil, err
	}
	g, err := c.generationFor(now, p)
	if err != nil {
		c.stats.Strays++
		return nil, err
	}
	c.data.noteReceived(now)
	c.port.unproven.received(len(packet), len(p.Acks) > 0)
	if !g.heard && g.id == 0 {
		c.emit(Answered{})
	}
	g.heard = true
	g.course.end(StageAnswer, now)
	g.ch.Acknowledge(now, p.Acks)
	if p.Op != wire.PAckV1 {
		g.ch.Receive(p.Op, p.ID, p.Payload)
	}
	c.process(g)
	return g, nil
}

// generationFor finds whose packet it is: session ids must fit, and the key id
// name a generation, or a new one by soft reset.
func (c *control) generationFor(now time.Time, p *wire.Control) (*generation, error) {
	is, renamed := c.port.isPeers(p, c.keys.next != nil && c.keys.active == nil)
	if renamed {
		c.keys.next.ch.Resend(now)
	}
	if !is {
		return nil, fmt.Errorf("%w: %v from %v", ErrStray, p.Op, p.Session)
	}
	if g := c.keys.find(p.Key); g != nil {
		return g, nil
	}
	active := c.keys.active
	if p.Op != wire.PControlSoftResetV1 || active == nil || c.keys.next != nil || p.Key != active.id.Next() {
		return nil, fmt.Errorf("%w: %v for key %d", ErrStray, p.Op, p.Key)
	}
	if !c.renewal.allows(now, active.installed) {
		return nil, fmt.Errorf("%w: %v for key %d less than %v after the last", ErrStray, p.Op, p.Key, minKeyAge)
	}
	c.softReset(now)
	return c.keys.next, nil
}

// softReset opens the next generation, whichever side began.
func (c *control) softReset(now time.Time) {
	c.renewal.begun = now
	g := newGeneration(c.keys.active.id.Next(), reliable.New(0, c.cfg.TLSTimeout), now, c.cfg.HandWindow)
	g.ch.Follow(c.keys.active.ch)
	g.ch.Send(wire.PControlSoftResetV1, nil)
	c.keys.begin(g)
}

// process gives what has arrived in order to TLS.
func (c *control) process(g *generation) {
	for {
		op, payload, ok := g.ch.Next()
		if !ok {
			break
		}
		switch op {
		case wire.PControlHardResetServerV2:
			c.port.resendWKc = resetWantsWKc(payload)
			fallthrough
		case wire.PControlSoftResetV1, wire.PControlHardResetClientV2, wire.PControlHardResetClientV3:
			c.startTLS(g)
		case wire.PControlV1, wire.PControlWKcV1:
			if g.renews() {
				c.startTLS(g)
			}
			if g.tls != nil {
				g.tls.Feed(payload)
			}
		}
	}
	if g.renews() && g.ch.Idle() {
		c.startTLS(g)
	}
}

// startTLS begins a generation's TLS when the peer has taken the generation up.
// OpenVPN answers a soft reset with one of its own. OpenVPN 3 answers with an
// acknowledgement, and as the TLS client sends its ClientHello behind it. Either
// begins TLS.
func (c *control) startTLS(g *generation) {
	if g.phase == phaseReset {
		g.startTLS(c.cfg.TLS, c.cfg.Server)
	}
}

// output hands every packet that is to be sent at now to emit, which must not
// keep it.
func (c *control) output(now time.Time, emit func(packet []byte)) {
	c.speak()
	var scratch [wire.ControlHeaderLen + 1500]byte
	for g := range c.keys.all() {
		if g.ch == nil {
			continue
		}
		for c.port.maySend() {
			c.fill(g)
			p, ok := g.ch.Poll(now)
			if !ok {
				break
			}
			c.data.noteSent(now)
			emit(c.port.wrap(now, scratch[:0], g.id, p))
		}
	}
}

// fill moves TLS output into the reliable channel while that has room.
func (c *control) fill(g *generation) {
	if g.tls == nil {
		return
	}
	for !g.tls.out.empty() && g.ch.Room() > 0 {
		op := c.port.opcode()
		g.ch.Send(op, g.tls.out.next(c.port.maxPayload(op)))
	}
}

// giveUp ends the session when the first handshake fails, or the TLS of the keys
// in use. A renewal that fails only drops its generation, except that the peer's
// identity must neither change nor be refused.
func (c *control) giveUp(g *generation, err error) {
	renews := g == c.keys.next && c.keys.active != nil
	switch {
	case renews && !errors.Is(err, ErrIdentity) && !errors.Is(err, ErrUntrusted):
		c.emit(RekeyFailed{Err: &HandshakeError{Stage: c.stage(g), Err: err}, Course: g.course})
		g.close()
		c.keys.next = nil
		c.renewal.at = g.until
	case g == c.keys.old:
		g.close()
	case g == c.keys.next:
		c.fail(&HandshakeError{Stage: c.stage(g), Err: err})
	default:
		c.fail(err)
	}
}

// checkTLS ends what rests on a TLS connection that has ended.
func (c *control) checkTLS(now time.Time, g *generation) {
	switch {
	case g.tls == nil || g.tls.err == nil:
	case g == c.keys.active && g.tls.garbled():
		c.abandonTLS(now, g)
	default:
		c.giveUp(g, fmt.Errorf("TLS: %w", c.clocked(now, inWords(g.tls.failure(), c.cfg.TLS))))
	}
}

// abandonTLS gives up the TLS connection of the keys in use, into which somebody
// has put what the peer did not say: without control channel armour that takes no
// more than the peer's address and session id, and with tls-auth or tls-crypt a
// key that all clients have. Data goes on, and new keys bring another connection.
func (c *control) abandonTLS(now time.Time, g *generation) {
	if c.forged.IsZero() || now.Sub(c.forged) >= reportInterval {
		c.forged = now
		c.remark("a control packet of this session was forged or damaged (" + g.tls.err.Error() + "): its data goes on, and the keys are renewed")
	}
	g.close()
	if c.keys.next == nil {
		c.renewal.hasten(now)
	}
}

// advance retires old keys, and renews those in use when that is due.
func (c *control) advance(now time.Time) {
	c.keys.advance(now)
	if c.mayRenew() && c.renewal.due(now, c.keys.active.keys) {
		c.softReset(now)
	}
}

// deadlines gives the times at which output or advance has something to do.
func (c *control) deadlines(by func(time.Time)) {
	for g := range c.keys.all() {
		if g.ch != nil && c.port.maySend() {
			by(g.ch.Deadline())
		}
	}
	c.keys.deadlines(by)
	if c.mayRenew() {
		c.renewal.deadlines(by)
	}
}

// mayRenew reports whether there are keys in use that this side may renew.
func (c *control) mayRenew() bool {
	return c.keys.active != nil && c.keys.next == nil && !c.speech.ended()
}

// Stats counts what went wrong on the control channel.
type Stats struct {
	BadControl uint64 // packets that failed to parse or authenticate
	Strays     uint64 // packets of another session or key
}
