// Package session is one peer of a VPN: TLS over the reliable layer, the key
// exchange, keys and their renewal, keepalive. It owns no socket, adapter or
// clock: packets and the time are handed in, packets and events come out.
//
// A Session is the control side, and belongs to one goroutine at a time. Its
// Data is the data side: it seals and opens packets on any goroutine, by a
// snapshot of the keys that the control side installs.
//
// A Session wires machines that each have their own few fields: control carries
// the control channel of the key generations through the port, handshake says
// what is said inside it, speech knows which messages wait, renewal when keys are
// renewed, login, pull and verdict how a client gets in, watch notices silence,
// leave is the end.
package session

import (
	"crypto/rand"
	"crypto/x509"
	"time"

	"culvert/session/reliable"
	"culvert/session/seal"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// Session is one peer. Make it with NewClient, NewP2P, NewStatic or Accept.
type Session struct {
	ServerSide
	ClientSide
	*news

	cfg       *Config
	data      *Data
	port      *port
	keys      *generations
	control   *control
	handshake *handshake
	leave     *leave
	watch     watch
	probe     probe
	// Path measures what the path to the peer carries. Its Output is to follow each
	// Output of the session.
	Path   *PathProbe
	report report
}

// newSession makes a session of which nothing was sent yet. static is nil where
// keys are to be negotiated.
func newSession(cfg Config, static *seal.Static, now time.Time) *Session {
	if cfg.MaxPacket == 0 {
		cfg.MaxPacket = DefaultMaxPacket
	}
	login := login{username: cfg.Username, password: cfg.Password, forgets: cfg.ForgetLogin}
	cfg.Username, cfg.Password = "", ""
	s := &Session{cfg: &cfg, news: new(news), leave: new(leave), data: newData(cfg.Fragment, static, now)}
	s.port = &port{wrapper: cfg.Wrapper, maxPacket: cfg.MaxPacket, names: cfg.namingReset()}
	s.keys = &generations{ring: &s.data.ring, server: cfg.Server, handWindow: cfg.HandWindow, tranWindow: cfg.TranWindow}
	s.control = &control{news: s.news, cfg: &cfg, port: s.port, keys: s.keys, renewal: newRenewal(&cfg), data: s.data}
	s.handshake = &handshake{news: s.news, cfg: &cfg, control: s.control, data: s.data, login: login}
	s.ServerSide = ServerSide{s.handshake, s.leave}
	s.ClientSide = ClientSide{s.handshake}
	s.watch = watch{timers: cfg.Timers, data: s.data, pulls: cfg.pulls()}
	s.probe = probe{data: s.data}
	s.Path = &PathProbe{news: s.news, data: s.data, messages: &loadMessages{data: s.data}, most: cfg.Fragment}
	s.report = report{data: s.data, window: cfg.ReplayWindow, muteReplays: cfg.MuteReplays}
	return s
}

// namingReset is the reset by which the peer of a session that this side began
// names its session id; 0 for a server, which knows it from the start.
func (c *Config) namingReset() wire.Opcode {
	switch {
	case !c.Server:
		return wire.PControlHardResetServerV2
	case c.P2P:
		return wire.PControlHardResetClientV2
	}
	return 0
}

// NewClient starts a session towards a server: Output has the hard reset.
func NewClient(cfg Config, now time.Time) *Session { return begin(cfg, now) }

// NewP2P starts a session between two hosts without server mode: Output has
// this side's hard reset, whichever TLS role cfg gives it. Nobody pushes:
// both sides work out by themselves what they have in common. Accept makes
// such a session too, where cfg.P2P is set.
func NewP2P(cfg Config, now time.Time) *Session {
	cfg.P2P = true
	return begin(cfg, now)
}

// begin makes a session that begins with this side's reset.
func begin(cfg Config, now time.Time) *Session {
	reset := wire.PControlHardResetClientV2
	switch {
	case cfg.Server:
		reset = wire.PControlHardResetServerV2
	case wrap.BringsKey(cfg.Wrapper):
		reset = wire.PControlHardResetClientV3
	}
	s := newSession(cfg, nil, now)
	s.port.local = newSessionID()
	s.open(0, now).ch.Send(reset, nil)
	return s
}

// NewStatic starts a session of two hosts that share a static key: there is no
// control channel and no handshake, and data can pass at once. keys outlive
// the session, so that packets of one cannot be replayed to the next.
func NewStatic(cfg Config, keys *seal.Static, now time.Time) *Session {
	s := newSession(cfg, keys, now)
	p := &s.handshake.params
	p.Compression, p.CompressionSet = cfg.Compression, true
	p.Fragments = cfg.Fragment > 0
	s.data.frame(s.cfg, *p)
	return s
}

// Accept makes the server's session for a client that a Greeter let in.
func Accept(cfg Config, in *Opening, now time.Time) *Session {
	cfg.Server, cfg.Wrapper = true, in.Wrapper
	s := newSession(cfg, nil, now)
	s.port.local, s.port.remote, s.port.unproven = in.Server, in.Client, unproven{holds: in.Unproven, lifted: in.proves}
	if !in.Proven {
		s.open(0, now).ch.Send(wire.PControlHardResetServerV2, nil)
		return s
	}
	g := s.open(1, now)
	if in.RoundTrip > 0 {
		g.ch.Measured(in.RoundTrip)
	}
	g.startTLS(cfg.TLS, true)
	return s
}

// open begins the first generation, whose first packet from this side has that
// id.
func (s *Session) open(first wire.PacketID, now time.Time) *generation {
	s.keys.begin(newGeneration(0, reliable.New(first, s.cfg.TLSTimeout), now, s.cfg.HandWindow))
	return s.keys.next
}

// Data is the data side, good for as long as the session.
func (s *Session) Data() *Data { return s.data }

// LocalID and RemoteID are the session ids of both ends. RemoteID is zero until
// a server has answered. At a server both are fixed, and any goroutine may ask.
func (s *Session) LocalID() wire.SessionID  { return s.port.local }
func (s *Session) RemoteID() wire.SessionID { return s.port.remote }

// Confirmed reports whether the peer has acknowledged something of a session, so that it
// cannot take up another one in this one's place.
func Confirmed(s *Session) bool { return s.port.confirmed }

// Err is why the session ended, nil while it lives.
func (s *Session) Err() error { return s.err }

// Carried returns how many packets of the data channel came under the keys in use, and how
// many the peer has sent at least. Both begin anew with new keys.
func Carried(s *Session) (received, sent uint64) {
	for _, g := range []*generation{s.keys.old, s.keys.active} {
		if g != nil && g.keys != nil {
			u := g.keys.Usage()
			received, sent = received+u.Received, sent+u.Highest
		}
	}
	return received, sent
}

// Stats returns the control channel's counters.
func (s *Session) Stats() Stats { return s.control.stats }

// Events returns what happened since the last call, in order.
func (s *Session) Events() []Event { return s.take() }

// Established reports whether there are keys to seal and open data with.
func (s *Session) Established() bool { return s.keys.active != nil || s.data.static != nil }

// Stage is how far the handshake under way has come, in words.
func (s *Session) Stage() string {
	for g := range s.keys.all() {
		if g != s.keys.old {
			return s.control.stage(g)
		}
	}
	return "no handshake under way"
}

// CourseOf returns how the handshake of a session that began last goes, or went: the first
// one, or a renewal of keys. It is the zero value where there is none (NewStatic).
func CourseOf(s *Session) Course { return s.keys.latest() }

// Input takes a control packet from the link. A packet that is damaged, not
// authentic or of another session is counted, reported and otherwise ignored;
// an error never ends the session.
func (s *Session) Input(now time.Time, packet []byte) error {
	if s.err != nil {
		return s.err
	}
	g, err := s.control.input(now, packet)
	if err != nil {
		return err
	}
	s.step(now, g)
	return nil
}

// step carries a generation on by what its TLS connection has brought.
func (s *Session) step(now time.Time, g *generation) {
	if g.tls == nil {
		return
	}
	if err := s.handshake.exchangeKeys(now, g); err != nil {
		s.control.giveUp(g, err)
		return
	}
	if g.phase >= phasePush {
		s.receiveMessages(now, g)
	}
	s.control.checkTLS(now, g)
}

// Advance does what the time demands: ends handshakes that take too long,
// renews keys, retires old ones, notices silence. Follow it with Output.
func (s *Session) Advance(now time.Time) {
	if s.err != nil {
		return
	}
	s.handshake.advance(now)
	s.control.advance(now)
	if s.leave.over(now, s.control.delivered()) {
		s.fail(ErrExit)
	}
	for _, text := range s.report.advance(now, s.keys.old, s.keys.active) {
		s.remark(text)
	}
	if s.Established() {
		s.Path.advance(now)
	}
	if s.watch.expires(now, s.Established()) {
		s.emit(Expired{})
	}
	idle, err := s.watch.advance(now, s.Established())
	if err != nil {
		s.fail(err)
	} else if idle {
		s.emit(Idle{})
	}
}

// Deadline is when to Advance again if nothing arrives before. It is the zero
// time once the session has ended.
func (s *Session) Deadline() time.Time {
	var first time.Time
	by := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if s.err != nil {
		return first
	}
	s.handshake.deadlines(by)
	s.control.deadlines(by)
	s.watch.deadlines(s.Established(), by)
	if ping := s.watch.timers.Ping; ping > 0 && s.Established() {
		by(s.data.LastSent().Add(ping))
	}
	by(s.Path.due)
	by(s.report.deadline())
	by(s.leave.deadline())
	return first
}

// Output hands every packet that is to be sent at now to emit, which must not
// keep it. What is queued when a session ends, such as a TLS alert, is still in
// the next Output.
func (s *Session) Output(now time.Time, emit func(packet []byte)) {
	s.control.output(now, emit)
	if !s.Established() {
		return
	}
	if s.leave.noticeDue(now) {
		s.probe.exit(now, emit)
	}
	if s.err == nil && s.probe.due(now, s.watch.timers.Ping) {
		s.probe.ping(now, emit)
	}
	if s.err == nil && s.probe.knocks {
		s.probe.knock(now, emit)
	}
}

// Send queues a control message, such as INFO. Before the first key exchange it
// is dropped.
func (s *Session) Send(text string) { s.control.send(text) }

// Ping has the next Output send a ping, however long ago anything was sent. With ask, it
// also sends a question that peers answer at once: OpenVPN's for what was received of
// `mtu-test`, whether there is such a test or not, or a ping in the tunnel (Answers.AskBy).
// Data.LastAnswer says when an answer came.
func (s *Session) Ping(ask bool) { s.probe.wanted, s.probe.knocks = true, s.probe.knocks || ask }

// SetTimers replaces all timers.
func (s *Session) SetTimers(t Timers) { s.watch.timers = t }

// SetRenewal has keys renewed as another configuration says: by its RenegAfter,
// RenegLeast, RenegBytes and RenegPackets.
func (s *Session) SetRenewal(now time.Time, c *Config) { s.control.renewal.change(now, c) }

// Exit tells the peer that this side ends, and then ends the session: by EXIT
// where the peer takes it, else by notices on the data channel, a second apart.
// With no notices, or nothing established, it ends at once.
func (s *Session) Exit(now time.Time, notices int) {
	switch {
	case s.err != nil || s.leave.underWay():
	case !s.Established() || notices <= 0:
		s.fail(ErrExit)
	case s.handshake.params.CCExit:
		s.leave.begin(now, time.Duration(notices)*noticeInterval)
		s.Send("EXIT")
	default:
		s.leave.notify(now, notices)
	}
}

// MTUTest takes what Data.Open found: a question or an answer about sizes. The next Advance
// goes on with it, and the next Path.Output answers.
func (s *Session) MTUTest() {}

// PeerExited takes the exit notice that Data.Open found.
func (s *Session) PeerExited() { s.fail(ErrPeerExit) }

// LinkClosed ends a session whose connection was closed, for that reason.
func (s *Session) LinkClosed(err error) { s.fail(err) }

// Close frees what the session holds. It sends nothing.
func (s *Session) Close() {
	s.fail(ErrExit)
	s.keys.close()
}

func newSessionID() (id wire.SessionID) {
	rand.Read(id[:])
	return id
}

func commonName(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return ""
	}
	return chain[0].Subject.CommonName
}
