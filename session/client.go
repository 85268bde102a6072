package session

import (
	"encoding/base64"
	"strings"
	"time"

	"culvert/session/negotiate"
)

// ClientSide is a TLS client's part of a session: its answers to the server, and
// what it does with the server's messages.
type ClientSide struct{ h *handshake }

// Login answers LoginNeeded. Where no handshake waits for it, it does nothing.
func (c ClientSide) Login(username, password string) {
	h := c.h
	g := h.control.keys.next
	if h.err != nil || h.cfg.Server || g == nil || g.tls == nil || g.phase != phaseKeys {
		return
	}
	h.login.username, h.login.password = username, password
	if err := h.sendKeys(g); err != nil {
		h.control.giveUp(g, err)
	}
}

// Answer sends a response to a challenge that came by InfoPre.
func (c ClientSide) Answer(response string) {
	c.AnswerEncoded(base64.StdEncoding.EncodeToString([]byte(response)))
}

// AnswerEncoded is Answer for a response that is in base64 already. It is sent as it
// is.
func (c ClientSide) AnswerEncoded(response string) { c.h.control.send("CR_RESPONSE," + response) }

// pushReply takes PUSH_REPLY: the push, or later a new token.
func (c ClientSide) pushReply(now time.Time, text string) {
	h := c.h
	if h.control.keys.active != nil {
		c.takeToken(strings.Split(text, ","))
		return
	}
	if !h.pull.asking() || h.control.keys.next == nil {
		return
	}
	options, whole, err := h.pull.addReply(text)
	if err == nil && whole {
		err = c.configure(now, options)
	}
	if err != nil {
		h.fail(err)
	}
}

// configure sets up the data channel by what the server pushed.
func (c ClientSide) configure(now time.Time, options []string) (err error) {
	h, unfiltered := c.h, options
	if h.cfg.FilterPushed != nil {
		if options, err = h.cfg.FilterPushed(options); err != nil {
			return err
		}
	}
	g := h.control.keys.next
	params, ignored := negotiate.ParseParams(options)
	params.Cipher, err = negotiate.AcceptCipher(h.cfg.Ciphers, h.cfg.Fallback, params.Cipher, g.peer.Options)
	if err != nil {
		return err
	}
	h.params = params
	if err := h.install(now, g); err != nil {
		return err
	}
	c.takeToken(options)
	h.emit(Pushed{Options: options, Params: h.params, Ignored: ignored, Unfiltered: unfiltered})
	return nil
}

func (c ClientSide) takeToken(options []string) {
	if token, ok := c.h.login.takeToken(options); ok {
		c.h.emit(token)
	}
}

// pushUpdate takes PUSH_UPDATE.
func (c ClientSide) pushUpdate(text string) {
	if c.h.control.keys.active == nil {
		return
	}
	options, whole, err := c.h.pull.addUpdate(text)
	if err != nil {
		c.h.fail(err)
	} else if whole {
		c.h.emit(PushUpdated{options})
	}
}

// authPending takes AUTH_PENDING: the handshake may take as long as the server
// says, within bounds.
func (c ClientSide) authPending(now time.Time, text string) {
	h := c.h
	g := h.control.keys.next
	if g == nil {
		return
	}
	timeout := h.cfg.boundPending(negotiate.ParseAuthPending(text, h.cfg.HandWindow))
	g.until, g.pending = now.Add(timeout), true
	h.emit(AuthPending{Timeout: timeout})
}
