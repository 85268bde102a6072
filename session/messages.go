package session

import (
	"bytes"
	"strings"
	"time"

	"culvert/internal/printable"
	"culvert/session/negotiate"
)

// receiveMessages takes the control messages that have arrived, each closed by
// a NUL.
func (s *Session) receiveMessages(now time.Time, g *generation) {
	for s.err == nil && g.tls != nil {
		text, rest, found := bytes.Cut(g.tls.plain, []byte{0})
		if !found {
			return
		}
		g.tls.plain = rest
		verb, argument, _ := strings.Cut(string(text), ",")
		s.receive(now, verb, argument)
	}
}

// receive takes a control message.
func (s *Session) receive(now time.Time, verb, rest string) {
	server, pulls := s.cfg.Server, s.cfg.pulls()
	switch {
	case verb == "":
	case verb == "EXIT":
		s.fail(ErrPeerExit)
	case s.cfg.P2P && verb == "PUSH_REQUEST":
		s.emit(Info{"the peer asks for a push: it is configured as a client, but this side is not a server; write the addresses (ifconfig) into its configuration, without client or pull"})
	case server && verb == "PUSH_REQUEST":
		s.pushRequest(now)
	case verb == CertificateVerb && (server || pulls):
		s.emit(Certificate{Text: rest})
	case server && verb == "CR_RESPONSE":
		s.challengeAnswered(rest)
	case pulls && verb == "PUSH_UPDATE":
		s.pushUpdate(rest)
	case pulls && verb == "PUSH_REPLY":
		s.pushReply(now, rest)
	case pulls && verb == "AUTH_PENDING":
		s.authPending(now, rest)
	case pulls && verb == "INFO_PRE":
		s.emit(InfoPre{negotiate.ParseInfoPre(rest)})
	case pulls && verb == "RESTART":
		s.fail(&RestartError{Restart: negotiate.ParseRestart(rest)})
	case pulls && verb == "HALT":
		s.fail(&RestartError{Restart: negotiate.ParseRestart(rest), Halt: true})
	case !server && verb == "AUTH_FAILED":
		s.fail(refused(s.keys.next, rest))
	default:
		s.emit(Info{printable.Name(verb + "," + rest)})
	}
}

// refused is the error for AUTH_FAILED in the handshake of g, if one is under way, with
// the cipher that the server's options named.
func refused(g *generation, text string) error {
	e := &AuthFailedError{Restart: negotiate.ParseAuthFailed(text)}
	if g != nil && g.peer != nil {
		e.Cipher = printable.Name(negotiate.OptionValue(g.peer.Options, "cipher"))
	}
	return e
}
