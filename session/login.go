package session

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"culvert/session/negotiate"
	"culvert/session/wire"
)

// login sends a client's keys with its user name and password, or asks for
// these first when they were forgotten.
func (s *Session) login(g *generation) error {
	if s.active != nil && s.cfg.ForgetLogin && s.cfg.Password == "" {
		s.emit(LoginNeeded{})
		return nil
	}
	return s.sendKeys(g)
}

// Login answers LoginNeeded. Where no handshake waits for it, it does nothing.
func (s *Session) Login(username, password string) {
	g := s.next
	if s.err != nil || s.cfg.Server || g == nil || g.tls == nil || g.phase != phaseKeys {
		return
	}
	s.cfg.Username, s.cfg.Password = username, password
	if err := s.sendKeys(g); err != nil {
		s.failGeneration(g, err)
	}
}

// forgetLogin drops a password that was sent, but not a token, which is there
// to be sent again.
func (s *Session) forgetLogin() {
	if s.cfg.ForgetLogin && !s.hasToken {
		s.cfg.Username, s.cfg.Password = "", ""
	}
}

// takeToken looks for auth-token and auth-token-user among pushed options.
func (s *Session) takeToken(options []string) {
	token, username := negotiate.ParseToken(options)
	if token == "" {
		return
	}
	s.hasToken, s.cfg.Password = true, token
	if username != "" {
		s.cfg.Username = username
	} else if s.cfg.Username == "" {
		s.cfg.Username = s.sentUsername
	}
	s.emit(Token{Username: s.cfg.Username, Token: token})
}

// authPending is the client's side of AUTH_PENDING: the handshake may take as
// long as the server says, within bounds.
func (s *Session) authPending(now time.Time, rest string) {
	g := s.next
	if g == nil {
		return
	}
	timeout := s.boundPending(negotiate.ParseAuthPending(rest, s.cfg.HandWindow))
	g.until, g.pending = now.Add(timeout), true
	s.emit(AuthPending{Timeout: timeout})
}

// maxPending bounds a pending login where keys are never renewed by time.
const maxPending = 30 * time.Minute

// boundPending is the longest that a pending login may take: half the life of
// a key, and hand-window at least.
func (s *Session) boundPending(timeout time.Duration) time.Duration {
	most := maxPending
	if s.cfg.RenegAfter > 0 {
		most = s.cfg.RenegAfter / 2
	}
	return min(timeout, max(most, s.cfg.HandWindow))
}

// Answer sends a client's response to a challenge that came by InfoPre.
func (s *Session) Answer(response string) {
	s.Send("CR_RESPONSE," + base64.StdEncoding.EncodeToString([]byte(response)))
}

// Pend tells a client that its login takes longer, at most timeout, and what
// its user has to do meanwhile (INFO_PRE; "" for nothing). It follows a Hello
// or Reauth that was not answered yet.
func (s *Session) Pend(now time.Time, timeout time.Duration, extra string) error {
	g := s.next
	if s.err != nil || !s.cfg.Server || g == nil || g.phase != phaseVerdict && g.phase != phasePush {
		return errNoVerdict
	}
	timeout = s.boundPending(timeout)
	g.until = now.Add(timeout)
	if err := s.answerKeys(g); err != nil {
		s.failGeneration(g, err)
		return err
	}
	message := "AUTH_PENDING"
	if negotiate.ParsePeerInfo(g.peer.PeerInfo).Has(negotiate.ProtoAuthPending) {
		message = fmt.Sprintf("AUTH_PENDING,timeout %d", int(timeout.Seconds()))
	}
	s.Send(message)
	if extra != "" {
		s.Send("INFO_PRE," + extra)
	}
	return nil
}

// answerKeys sends this side's key exchange message if a verdict held it back.
func (s *Session) answerKeys(g *generation) error {
	if g.phase != phaseVerdict {
		return nil
	}
	g.phase = phasePush
	return s.sendKeys(g)
}

var errNoVerdict = fmt.Errorf("session: no client waits for a decision")

// Readmit answers the Reauth of a key: the client may stay, and the new keys
// are taken into use. Too late, it does nothing.
func (s *Session) Readmit(now time.Time, key wire.KeyID) {
	g := s.reauthenticating(key)
	if g == nil {
		return
	}
	err := s.answerKeys(g)
	if err == nil {
		err = s.installKeys(now, g)
	}
	if err != nil {
		s.failGeneration(g, err)
	}
}

// Expel answers the Reauth of a key: the client must go. It is told the reason,
// and the session ends. Too late, it does nothing.
func (s *Session) Expel(now time.Time, key wire.KeyID, reason string) {
	g := s.reauthenticating(key)
	if g == nil {
		return
	}
	if err := s.answerKeys(g); err != nil {
		s.fail(err)
		return
	}
	s.Send(authFailed(reason))
	s.leaving = &leaving{until: now.Add(refusalTime)}
}

func (s *Session) reauthenticating(key wire.KeyID) *generation {
	g := s.next
	if s.err != nil || !s.cfg.Server || s.active == nil || s.leaving != nil ||
		g == nil || g.id != key || g.phase != phaseVerdict && g.phase != phasePush {
		return nil
	}
	return g
}

// GiveToken pushes a token, anew, to a client that is in.
func (s *Session) GiveToken(token string) {
	s.forgetReply()
	s.Send("PUSH_REPLY,auth-token " + token)
}

func authFailed(reason string) string {
	if reason == "" {
		return "AUTH_FAILED"
	}
	return "AUTH_FAILED," + reason
}

// maxChallengeAnswer bounds what a client answers, bytes.
const maxChallengeAnswer = 4096

func (s *Session) challengeAnswered(response string) {
	if len(response) <= maxChallengeAnswer && !strings.ContainsAny(response, "\r\n") {
		s.emit(ChallengeAnswered{response})
	}
}
