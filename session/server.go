package session

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"culvert/session/negotiate"
	"culvert/session/wire"
)

// Errors of a server's decisions.
var (
	ErrNoUpdate  = errors.New("the client does not take changes while it is connected (PUSH_UPDATE); they reach it when it connects again")
	ErrNotIn     = errors.New("the client is not in yet")
	errNoVerdict = errors.New("session: no client waits for a decision")
)

// ServerSide is a TLS server's part of a session: what it decides about its
// client, and tells it.
type ServerSide struct {
	h     *handshake
	leave *leave
}

// Admit lets a client in: options are pushed to it beside those that describe
// the data channel. It follows a Hello, once. With auth-token-user among them, the client
// may give that name from then on.
func (d ServerSide) Admit(now time.Time, params negotiate.Params, options []string) error {
	if err := d.awaitsVerdict(); err != nil {
		return err
	}
	parts, err := negotiate.PushReply(append(options, params.PushOptions(d.h.verdict.hello.PeerInfo)...))
	if err != nil {
		return err
	}
	d.h.decided(now)
	d.h.params = params
	_, d.h.renamed = negotiate.ParseToken(options)
	d.h.verdict.admit(parts)
	d.sendReply(now)
	return nil
}

// Refuse turns a client away with a reason that it may show its user. It follows
// a Hello, once. The session ends when the client has been told.
func (d ServerSide) Refuse(now time.Time, reason string) error {
	if err := d.awaitsVerdict(); err != nil {
		return err
	}
	d.h.decided(now)
	d.h.verdict.refuse(reason)
	d.sendReply(now)
	return nil
}

// decided notes when a server decided about the client in its first handshake.
func (h *handshake) decided(now time.Time) {
	if g := h.control.keys.next; g != nil {
		g.course.end(StageDecision, now)
	}
}

func (d ServerSide) awaitsVerdict() error {
	if d.h.err != nil {
		return d.h.err
	}
	if !d.h.verdict.asked() {
		return errNoVerdict
	}
	return nil
}

// sendReply sends what Admit or Refuse decided, when it is due, and installs the
// keys that go with it.
func (d ServerSide) sendReply(now time.Time) {
	h := d.h
	if !h.verdict.due() || d.leave.underWay() || h.control.keys.next == nil {
		return
	}
	h.control.send(h.verdict.reply...)
	switch {
	case h.err != nil:
	case !h.verdict.admitted:
		d.leave.begin(now, refusalTime)
	default:
		if err := h.install(now, h.control.keys.next); err != nil {
			h.fail(err)
		}
	}
}

// pushRequest answers a client that asks for its push, or asks again, as one
// does that lost the first reply above the reliable layer. A reply that is
// still on its way answers a request that crossed it.
func (d ServerSide) pushRequest(now time.Time) {
	h := d.h
	h.verdict.requested = true
	switch {
	case h.control.keys.active == nil:
		d.sendReply(now)
	case !d.leave.underWay() && h.control.delivered():
		h.control.send(h.verdict.reply...)
	}
}

// Pend tells a client that its login takes longer, at most timeout, and what
// its user has to do meanwhile (INFO_PRE; "" for nothing). It follows a Hello
// or Reauth that was not answered yet.
func (d ServerSide) Pend(now time.Time, timeout time.Duration, extra string) error {
	h := d.h
	g := h.control.keys.next
	if h.err != nil || !h.cfg.Server || g == nil || !g.awaitsVerdict() {
		return errNoVerdict
	}
	timeout = h.cfg.boundPending(timeout)
	g.until = now.Add(timeout)
	if err := d.answerKeys(g); err != nil {
		h.control.giveUp(g, err)
		return err
	}
	message := "AUTH_PENDING"
	if negotiate.ParsePeerInfo(g.peer.PeerInfo).Has(negotiate.ProtoAuthPending) {
		message = fmt.Sprintf("AUTH_PENDING,timeout %d", int(timeout.Seconds()))
	}
	h.control.send(message)
	if extra != "" {
		h.control.send("INFO_PRE," + extra)
	}
	return nil
}

// Readmit answers the Reauth of a key: the client may stay, and the new keys
// are taken into use. Too late, it does nothing.
func (d ServerSide) Readmit(now time.Time, key wire.KeyID) {
	g := d.reauthenticating(key)
	if g == nil {
		return
	}
	g.course.end(StageDecision, now)
	err := d.answerKeys(g)
	if err == nil {
		err = d.h.install(now, g)
	}
	if err != nil {
		d.h.control.giveUp(g, err)
	}
}

// Expel answers the Reauth of a key: the client must go. It is told the reason,
// and the session ends. Too late, it does nothing.
func (d ServerSide) Expel(now time.Time, key wire.KeyID, reason string) {
	g := d.reauthenticating(key)
	if g == nil {
		return
	}
	g.course.end(StageDecision, now)
	if err := d.answerKeys(g); err != nil {
		d.h.fail(err)
		return
	}
	d.dismiss(now, authFailed(reason), refusalTime)
}

// reauthenticating is the generation with that id, if it waits for the answer to
// its Reauth.
func (d ServerSide) reauthenticating(key wire.KeyID) *generation {
	h := d.h
	g := h.control.keys.next
	if h.err != nil || !h.cfg.Server || h.control.keys.active == nil || d.leave.underWay() ||
		g == nil || g.id != key || !g.awaitsVerdict() {
		return nil
	}
	return g
}

// answerKeys sends this side's key exchange message if a verdict held it back.
func (d ServerSide) answerKeys(g *generation) error {
	if g.phase != phaseVerdict {
		return nil
	}
	g.phase = phasePush
	return d.h.sendKeys(g)
}

// ShutOut ends a server's session whose peer may not be here any longer: from
// now on no packet of data passes in either direction, the peer is told the
// reason (AUTH_FAILED, upon which clients do not come back by themselves), and
// the session ends when it has that, or after a while. It reports false where the
// session had ended, or was on its way to.
func (d ServerSide) ShutOut(now time.Time, reason string) bool {
	h := d.h
	if h.err != nil {
		return false
	}
	if d.Refuse(now, reason) == nil {
		return true
	}
	h.data.ring.Close()
	if h.control.keys.talking() == nil {
		h.fail(ErrExit)
		return true
	}
	if d.leave.underWay() {
		return false
	}
	d.dismiss(now, authFailed(reason), refusalTime)
	return true
}

// Dismiss sends a last control message, such as RESTART, and ends the session
// when it was acknowledged, or after a while.
func (d ServerSide) Dismiss(now time.Time, text string) {
	if d.h.err != nil || d.leave.underWay() {
		return
	}
	d.dismiss(now, text, dismissalTime)
}

func (d ServerSide) dismiss(now time.Time, text string, most time.Duration) {
	control := d.h.control
	control.part(text)
	if g := control.keys.next; g != nil {
		if err := d.answerKeys(g); err != nil {
			control.giveUp(g, err)
		}
	}
	d.leave.begin(now, most)
}

// GiveToken pushes a token, anew, to a client that is in.
func (d ServerSide) GiveToken(token string) {
	d.h.verdict.forget()
	d.h.control.send("PUSH_REPLY,auth-token " + token)
}

// PushUpdate changes what was pushed to a client that is in (draft,
// "PUSH_UPDATE"). It fails with ErrNoUpdate, ErrNotIn or negotiate.ErrPush.
func (d ServerSide) PushUpdate(options []string) error {
	h := d.h
	switch {
	case h.err != nil:
		return h.err
	case h.verdict.hello == nil || h.control.keys.active == nil:
		return ErrNotIn
	case !h.verdict.takes(negotiate.ProtoPushUpdate):
		return ErrNoUpdate
	}
	parts, err := negotiate.PushUpdate(options)
	if err != nil {
		return err
	}
	h.verdict.forget()
	h.control.send(parts...)
	return nil
}

// maxChallengeAnswer bounds what a client answers, bytes.
const maxChallengeAnswer = 4096

// challengeAnswered takes CR_RESPONSE.
func (d ServerSide) challengeAnswered(response string) {
	if len(response) <= maxChallengeAnswer && !strings.ContainsAny(response, "\r\n") {
		d.h.emit(ChallengeAnswered{response})
	}
}
