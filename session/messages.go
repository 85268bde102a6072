package session

import (
	"bytes"
	"strings"
	"time"

	"culvert/internal/printable"
	"culvert/session/negotiate"
)

// A client asks for its push again after pushInterval, and from then on at
// intervals that grow by it. A server older than 2.5 passes over what comes
// before it has let the client in, which it does in the second after the keys.
const (
	pushInterval    = time.Second
	maxPushInterval = 5 * time.Second
)

// pushState is the exchange of PUSH_REQUEST and PUSH_REPLY on either side.
type pushState struct {
	// Client.
	nextRequest time.Time // zero: not asking
	interval    time.Duration
	reader      negotiate.PushReader
	// Server.
	requested bool
	decided   bool     // by Admit or Refuse
	reply     []string // decided; kept for a client that asks again
	admitted  bool
}

// receiveMessages takes the control messages that have arrived, each closed by
// a NUL.
func (s *Session) receiveMessages(now time.Time, g *generation) {
	for s.err == nil && g.tls != nil {
		end := bytes.IndexByte(g.tls.plain, 0)
		if end < 0 {
			return
		}
		text := string(g.tls.plain[:end])
		g.tls.plain = g.tls.plain[end+1:]
		verb, rest, _ := strings.Cut(text, ",")
		s.receiveMessage(now, verb, rest)
	}
}

func (s *Session) receiveMessage(now time.Time, verb, rest string) {
	switch {
	case verb == "":
	case verb == "EXIT":
		s.fail(ErrPeerExit)
	case s.cfg.P2P && verb == "PUSH_REQUEST":
		s.emit(Info{"the peer asks for a push: it is set up as a client, and this side is no server; write the addresses (ifconfig) into its configuration, without client or pull"})
	case s.cfg.Server && verb == "PUSH_REQUEST":
		s.pushRequested(now)
	case s.pulls() && verb == "PUSH_UPDATE":
		s.receiveUpdate(rest)
	case s.pulls() && verb == "PUSH_REPLY":
		s.receivePush(now, rest)
	case s.pulls() && verb == "AUTH_PENDING":
		s.authPending(now, rest)
	case s.pulls() && verb == "INFO_PRE":
		s.emit(InfoPre{negotiate.ParseInfoPre(rest)})
	case verb == "CR_RESPONSE" && s.cfg.Server:
		s.challengeAnswered(rest)
	case !s.cfg.Server && verb == "AUTH_FAILED":
		s.fail(&AuthFailedError{negotiate.ParseAuthFailed(rest)})
	case s.pulls() && verb == "RESTART":
		s.fail(&RestartError{Restart: negotiate.ParseRestart(rest)})
	case s.pulls() && verb == "HALT":
		s.fail(&RestartError{Restart: negotiate.ParseRestart(rest), Halt: true})
	default:
		s.emit(Info{printable.Name(verb + "," + rest)})
	}
}

// Send queues a control message, such as INFO, on the newest TLS connection
// that is up. Before the first key exchange there is none, and it is dropped.
func (s *Session) Send(text string) {
	g := s.talking()
	if g == nil {
		return
	}
	if err := g.tls.Write(append([]byte(text), 0)); err != nil {
		s.failGeneration(g, err)
	}
}

// talking is the generation whose TLS connection carries control messages: the
// newest, since a peer may have given up the one before.
func (s *Session) talking() *generation {
	for _, g := range []*generation{s.next, s.active} {
		if g != nil && g.tls != nil && g.phase >= phasePush {
			return g
		}
	}
	return nil
}

// receivePush is the client's side of the push.
func (s *Session) receivePush(now time.Time, text string) {
	if s.active != nil {
		s.takeToken(strings.Split(text, ","))
		return
	}
	if s.push.nextRequest.IsZero() || s.next == nil {
		return
	}
	complete, err := s.push.reader.Add(text)
	if err == nil && complete {
		s.push.nextRequest = time.Time{}
		err = s.configure(now, s.push.reader.Options())
	}
	if err != nil {
		s.fail(err)
	}
}

// configure sets up the data channel by what the server pushed.
func (s *Session) configure(now time.Time, options []string) (err error) {
	if s.cfg.FilterPushed != nil {
		if options, err = s.cfg.FilterPushed(options); err != nil {
			return err
		}
	}
	params, ignored := negotiate.ParseParams(options)
	s.params = params
	s.params.Cipher, err = negotiate.AcceptCipher(s.cfg.Ciphers, s.cfg.Fallback, s.params.Cipher, s.next.peer.Options)
	if err != nil {
		return err
	}
	if err := s.installKeys(now, s.next); err != nil {
		return err
	}
	s.takeToken(options)
	s.emit(Pushed{Options: options, Params: s.params, Ignored: ignored})
	return nil
}

// Admit lets a client in: options are pushed to it beside those that describe
// the data channel. It follows a Hello, once.
func (s *Session) Admit(now time.Time, params negotiate.Params, options []string) error {
	if err := s.awaitsVerdict(); err != nil {
		return err
	}
	parts, err := negotiate.PushReply(append(options, params.PushOptions(s.hello.PeerInfo)...))
	if err != nil {
		return err
	}
	s.params = params
	s.push.reply, s.push.decided, s.push.admitted = parts, true, true
	s.sendReply(now)
	return nil
}

// Refuse turns a client away with a reason it may show its user. It follows a
// Hello, once. The session ends when the client has been told.
func (s *Session) Refuse(now time.Time, reason string) error {
	if err := s.awaitsVerdict(); err != nil {
		return err
	}
	s.push.reply, s.push.decided = []string{authFailed(reason)}, true
	s.push.requested = true
	s.sendReply(now)
	return nil
}

func (s *Session) awaitsVerdict() error {
	if s.err != nil {
		return s.err
	}
	if s.hello == nil || s.push.decided {
		return errNoVerdict
	}
	return nil
}

// askForPush sends a client's request when it is due.
func (s *Session) askForPush(now time.Time) {
	p := &s.push
	if p.nextRequest.IsZero() || now.Before(p.nextRequest) {
		return
	}
	p.interval = min(p.interval+pushInterval, maxPushInterval)
	p.nextRequest = now.Add(p.interval)
	s.Send("PUSH_REQUEST")
}

// pushRequested answers a client that asks for its push, or asks again, as one
// does that lost the first reply above the reliable layer. A reply that is
// still on its way answers a request that crossed it.
func (s *Session) pushRequested(now time.Time) {
	s.push.requested = true
	switch {
	case s.active == nil:
		s.sendReply(now)
	case s.leaving == nil && s.delivered():
		s.sendAll(s.push.reply)
	}
}

// sendReply sends what Admit or Refuse decided, when the client has asked or
// takes it unasked, and installs the keys that go with it.
func (s *Session) sendReply(now time.Time) {
	unasked := s.hello != nil && s.hello.PeerInfo.Has(negotiate.ProtoRequestPush)
	if s.push.reply == nil || s.leaving != nil || s.next == nil || !(s.push.requested || unasked) {
		return
	}
	s.sendAll(s.push.reply)
	if s.err != nil {
		return
	}
	if !s.push.admitted {
		s.leaving = &leaving{until: now.Add(refusalTime)}
		return
	}
	if err := s.installKeys(now, s.next); err != nil {
		s.fail(err)
	}
}

// forgetReply is called when a client is told something that its push reply,
// given again, would take back.
func (s *Session) forgetReply() { s.push.reply = nil }

func (s *Session) sendAll(messages []string) {
	for _, m := range messages {
		s.Send(m)
	}
}
