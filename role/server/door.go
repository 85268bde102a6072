package server

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/config"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// door is where control packets arrive. They go to their sessions; those of no session
// go to the greeter, which begins one for clients that have proved their address.
type door struct {
	log       *slog.Logger
	report    func(Event)
	greeter   *session.Greeter
	rules     *atomic.Pointer[rules]
	table     *table
	strangers *strangers
	road      *tunnel.Road
	onEvent   func(c *client, now time.Time, e session.Event)
	unreached unreached

	numbers atomic.Uint64 // how many client numbers were given so far
	closed  atomic.Bool   // clients are being sent away, and none is let in
}

// packet handles a control packet that came by UDP. It belongs to a session only if it
// comes from the session's address. Only packets of the data channel, which nobody
// else can seal, move a client.
func (d *door) packet(l link.Link, p *buf.Packet) {
	packet := p.Bytes()
	var header wire.Control
	if _, err := header.ParseHeader(packet); err != nil {
		d.road.Counters.Add(tunnel.Malformed)
		return
	}
	if c := d.table.session(sessionKey{outer{l, p.Path.Remote}, header.Session}); c != nil {
		d.deliver(c, packet)
		return
	}
	d.greet(l, p)
}

// fromStream handles a control packet that came by TCP.
func (d *door) fromStream(s *stream, p *buf.Packet) {
	if c := s.client.Load(); c != nil {
		d.deliver(c, p.Bytes())
		return
	}
	d.greet(s, p)
}

func (d *door) deliver(c *client, packet []byte) {
	c.Deliver(packet, func(err error) {
		if errors.Is(err, session.ErrStray) {
			return // a late packet of keys that are gone
		}
		d.road.Counters.Add(tunnel.Forged)
		d.log.Debug("control packet dropped", "client", c.Path().Remote, "error", err)
	})
}

// greet answers a packet of no session, and begins a session for a client that has
// proved its address.
func (d *door) greet(l link.Link, p *buf.Packet) {
	if d.closed.Load() {
		d.road.Counters.Add(tunnel.UnknownPeer)
		turnAway(l)
		return
	}
	now := time.Now()
	reply, opening, err := d.firstPacket(now, l, p)
	switch {
	case err != nil:
		d.stray(now, p, err)
		turnAway(l)
	case opening == nil:
		d.unreached.answered(now, askingOf(p))
		d.answer(l, p, reply)
	default:
		d.unreached.wentOn(askingOf(p))
		d.newcomer(now, l, p, opening)
	}
}

// newcomer begins a session for a client that has proved its address, unless more come
// than may. Those of one address are counted first, so that they take nothing from others.
func (d *door) newcomer(now time.Time, l link.Link, p *buf.Packet, opening *session.Opening) {
	rules, from := d.rules.Load(), p.Path.Remote.Addr()
	switch {
	case !rules.handshakes.allow(now, from, opening.Key):
		d.road.Counters.Add(tunnel.Crowd)
		if d.strangers.allow(now, from) {
			d.report(Flooded{From: session.Source(from), Err: rules.handshakes.err()})
		}
		turnAway(l)
	case !rules.admits(now):
		d.road.Counters.Add(tunnel.Crowd)
		d.strangers.postpone(rules.cfg.Server.ConnectFreq)
		turnAway(l)
	default:
		d.begin(now, l, p, opening)
	}
}

// answer sends a reply the way that a packet came.
func (d *door) answer(l link.Link, p *buf.Packet, reply []byte) {
	if link.Crowded(l) {
		d.road.Counters.Add(tunnel.Crowd)
		return
	}
	path := p.Path
	p.Set(reply)
	p.Path = path
	d.road.Reply(l, p)
}

// firstPacket judges a packet of no session: it calls for a reply, opens a session, or
// is an error.
func (d *door) firstPacket(now time.Time, l link.Link, p *buf.Packet) (reply []byte, opening *session.Opening, err error) {
	if _, connected := l.(*stream); connected {
		opening, err = d.greeter.GreetConnected(p.Bytes())
		return nil, opening, err
	}
	return d.greeter.Greet(now, p.Path.Remote, p.Bytes())
}

// turnAway closes the connection of a client whose first packet was bad or came at the
// wrong time: what follows would be no better.
func turnAway(l link.Link) {
	if c, ok := l.(*stream); ok {
		c.Close()
	}
}

// stray reports, at a bounded rate, why somebody's first packet was dropped. The
// sender is never told.
func (d *door) stray(now time.Time, p *buf.Packet, err error) {
	from := p.Path.Remote
	switch {
	case errors.Is(err, session.ErrTooMany):
		d.road.Counters.Add(tunnel.Crowd)
		if d.strangers.allow(now, from.Addr()) {
			d.report(Flooded{From: session.Source(from.Addr()), Err: err})
		}
		return
	case errors.Is(err, session.ErrTooManyInAll):
		d.road.Counters.Add(tunnel.Crowd)
		d.strangers.unanswered(d.rules.Load().cfg.Server.ConnectFreqInitial)
		return
	}
	d.road.Counters.Add(tunnel.UnknownPeer)
	// Anything except a reset is a late packet of a session that is gone.
	op, _ := wire.ParseHead(p.Bytes()[0])
	if op.IsHardReset() && d.strangers.allow(now, from.Addr()) {
		d.report(Stray{From: from, Err: err, Diagnosis: d.rules.Load().armour.Diagnose(p.Bytes())})
	}
}

// begin starts a session for a client and hands it its first packet.
func (d *door) begin(now time.Time, l link.Link, p *buf.Packet, opening *session.Opening) {
	c := &client{number: d.numbers.Add(1) - 1, since: now, own: new(config.PerClient)}
	d.strangers.begun.note(p.Path.Remote.Addr(), c.number)
	rules := d.rules.Load()
	c.visit = rules.admission.Begin(caller{c, d.report, d.strangers}, c.number)
	cfg := rules.session
	cfg.TLS = c.visit.TLS(cfg.TLS, p.Path.Remote)
	cfg.Fragment = profile.Fragment(rules.cfg.Data, p.Path.Remote.Addr().Is6())
	st, overTCP := l.(*stream)
	if overTCP {
		cfg = profile.OverTCP(cfg, true)
	}
	c.Peer = tunnel.NewPeer(session.Accept(cfg, opening, now), l, p.Path, func(_ *tunnel.Peer, now time.Time, e session.Event) { d.onEvent(c, now, e) })
	c.Owner, c.Observer = c, &d.road.Observer
	if overTCP && !st.attach(c) || !d.seat(c) {
		d.road.Counters.Add(tunnel.UnknownPeer)
		c.Session.Close()
		c.visit.End()
		turnAway(l)
		return
	}
	if op, _ := wire.ParseHead(p.Bytes()[0]); op.HasWKc() && rules.admission.ChecksKeys() {
		c.Do(func(now time.Time) { d.requireKey(c, opening.Metadata, now) })
	}
	d.deliver(c, p.Bytes())
}

// seat enters a client in the table. If there are too many, it takes the place of one
// whose handshake stalls.
func (d *door) seat(c *client) bool {
	displaced, ok := d.table.add(c, d.table.room())
	if displaced != nil {
		displaced.evict()
	}
	return ok
}

// requireKey ends a client's session if its tls-crypt-v2 key is refused. The client is
// not told.
func (d *door) requireKey(c *client, metadata []byte, now time.Time) {
	if err := c.visit.CheckKey(metadata, now); err != nil {
		d.report(KeyRefused{About: c.about(now), Err: err, Handshake: c.refused(access.ByKey)})
		c.Session.Close()
	}
}

// caller is a client's session, as admission sees it.
type caller struct {
	c         *client
	report    func(Event)
	strangers *strangers
}

func (a caller) Do(f func(now time.Time)) { a.c.Do(f) }

func (a caller) Remote() netip.AddrPort { return a.c.Path().Remote }

// Pend tells the client that its login takes longer.
func (a caller) Pend(now time.Time, p auth.Pending) {
	a.c.Session.Pend(now, p.Timeout, p.Extra)
	a.report(LoginPending{About: a.c.about(now), Timeout: p.Timeout})
}

// GiveToken pushes a token to a client that is in.
func (a caller) GiveToken(token string) {
	if a.c.Session.Established() {
		a.c.Session.GiveToken(token)
	}
}

// Overdue reports a program that did not decide about the client. Without certificates,
// anybody can come, make one run, and leave.
func (a caller) Overdue(late *hooks.OverdueError) {
	now := time.Now()
	a.strangers.overdue(a.c.about(now), late)
}
