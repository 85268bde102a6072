package server

import (
	"cmp"
	"encoding/base64"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"culvert/access"
	"culvert/config"
	"culvert/role/profile"
	"culvert/role/server/admission"
	"culvert/role/server/lease"
	"culvert/session"
	"culvert/session/negotiate"
	"culvert/session/wire"
)

// desk handles what clients' sessions report. It asks the admission whether a client
// may come in, and if so gives it an address, tells it what it needs to know, and
// enters it in the roster.
type desk struct {
	report       func(Event)
	rules        *atomic.Pointer[rules]
	people       People
	certificates func(About, string) // as Options.Certificates
	roster       *roster
	strangers    *strangers
	handshakes   tally
}

// onEvent handles what a client's session reports, on the client's control goroutine.
func (d *desk) onEvent(c *client, now time.Time, e session.Event) {
	switch e := e.(type) {
	case *session.Hello:
		d.hello(c, now, e)
	case session.Reauth:
		d.reauth(c, now, e)
	case session.ChallengeAnswered:
		c.visit.Answer(e.Response)
	case session.Delayed:
		c.stage = e.Stage
		d.stuck(c, now, e)
	case session.Established:
		c.cipher = e.Params.Cipher
		profile.MeasurePath(d.rules.Load().cfg, c.Peer, d.roster.echo(c))
		c.Session.SetTimers(d.timers(c))
		h := Handshake{Course: e.Course, Outcome: Completed}
		d.handshakes.add(h)
		d.roster.enter(c, now, profile.Describe(e.TLS), e.Params.Describe(), h)
		d.review(c, now)
	case session.Rekeyed:
		c.visit.Show(e.TLS)
		d.recheck(c, now)
		d.report(Renewed{About: c.about(now), Key: e.Key, TLS: profile.Describe(e.TLS), Handshake: Handshake{Course: e.Course, Outcome: Completed}})
	case session.RekeyFailed:
		c.visit.Drop()
		d.report(RenewalFailed{About: c.about(now), Err: e.Err, Handshake: Handshake{Course: e.Course, Outcome: Broken}})
	case session.Idle:
		d.report(c.cut(Idle{c.about(now)}))
		c.Session.Close()
	case session.Expired:
		d.report(c.cut(Expired{c.about(now)}))
		c.Session.Dismiss(now, "RESTART")
	case session.PathMeasured:
		if text, _ := profile.FollowPath(d.rules.Load().cfg, c.Peer, e); text != "" {
			d.report(Remark{About: c.about(now), Text: text})
		}
	case session.Remark:
		d.report(Remark{About: c.about(now), Text: e.Text})
	case session.Certificate:
		if d.certificates != nil && c.up {
			d.certificates(c.about(now), e.Text)
		}
	case session.Info:
		d.report(Message{About: c.about(now), Text: e.Text})
	case session.Closed:
		d.gone(c, now, e.Err)
	}
}

// stuck reports a client whose handshake makes no progress.
func (d *desk) stuck(c *client, now time.Time, e session.Delayed) {
	about, kind, stage := c.about(now), e.Stage, e.Stage
	if e.Anew != "" {
		kind = e.Anew
		if d.strangers.begun.since(about.Remote.Addr(), c.number) {
			stage = e.Anew
		}
	}
	if e.Clock != "" {
		stage += "; " + e.Clock
	}
	d.strangers.stuck(about, kind, stage)
}

// timers returns the timers of a client that is in.
func (d *desk) timers(c *client) session.Timers {
	t := d.rules.Load().session.Timers
	if own := c.own.Timers; own != nil {
		t = profile.Timers(*own)
	}
	if own := c.own.SessionTimeout; own != nil {
		t.Limit = *own
	}
	return t
}

// hello starts the decision whether a client may come in, and with which settings.
func (d *desk) hello(c *client, now time.Time, h *session.Hello) {
	d.roster.table.greeted(c)
	c.visit.Introduce(h)
	c.name = c.visit.Identity().Name
	d.report(Entering{c.about(now), c.course()})
	if d.recheck(c, now) {
		return
	}
	c.visit.Decide(now, h, func(now time.Time, decision admission.Decision) {
		if decision.Refusal != nil {
			d.refuse(c, now, h, decision.Refusal)
			return
		}
		c.name, c.own = c.visit.Identity().Name, decision.Settings
		c.decided.Store(true)
		if err := d.barred(c, now); err != nil {
			d.refuse(c, now, h, &access.Refusal{Reason: err.Error(), Login: true})
			return
		}
		d.roster.seek(c, now, func(now time.Time) { d.letIn(c, now, h, decision.Token) })
	})
}

// refuse turns a client away.
func (d *desk) refuse(c *client, now time.Time, h *session.Hello, r *access.Refusal) {
	c.Session.Refuse(now, admission.Text(r, h.PeerInfo))
	how := c.refused(judge(r))
	if r.Login {
		d.report(LoginRefused{About: c.about(now), Reason: r.Reason, Err: r.Cause, Handshake: how})
	} else {
		d.report(Refused{About: c.about(now), Reason: r.Reason, Cause: r.Cause, Handshake: how})
	}
}

// letIn lets in a client that may come in, if there is room; token is "" if it has
// none.
func (d *desk) letIn(c *client, now time.Time, h *session.Hello, token string) {
	if !d.roster.table.keep(c) {
		return // its session ends
	}
	if refusal := d.roster.accommodate(c); refusal != nil {
		d.refuse(c, now, h, refusal)
		return
	}
	c.visit.Scripts().Arrive(now, h, c.own, d.roster.placeOf(c), func(now time.Time, decision admission.Decision) {
		if decision.Refusal != nil {
			d.refuse(c, now, h, decision.Refusal)
			return
		}
		token := cmp.Or(decision.Token, token)
		d.roster.settle(c, now, decision.Settings, func(now time.Time, refusal *access.Refusal) {
			cipher := ""
			if refusal == nil {
				cipher, refusal = d.cipher(h, c.own)
			}
			if refusal != nil {
				d.refuse(c, now, h, refusal)
				return
			}
			d.admit(c, now, h, cipher, token)
		})
	})
}

// admit tells a client that it is in, and its settings. It gets in once it has the keys.
func (d *desk) admit(c *client, now time.Time, h *session.Hello, cipher, token string) {
	params := negotiate.ServerParams(cipher, c.id, h.PeerInfo)
	params.Compression = negotiate.ServerCompression(d.rules.Load().session.Compression, h.PeerInfo, h.Options)
	params.CompressionSet = true
	if text := negotiate.CompressionRemark(d.rules.Load().session.Compression, params.Compression, h.Options); text != "" && d.rules.Load().cfg.Data.Compression.Directive == "" {
		d.report(Remark{About: c.about(now), Text: text})
	}
	c.promise(d.termsOf(c), h.PeerInfo, now)
	options := pushList(d.rules.Load().cfg.Server, d.roster.book, c, c.terms.Load(), h.PeerInfo)
	if token != "" {
		options = append(options, "auth-token "+token)
		if name := c.own.OverrideUsername; name != "" {
			options = append(options, "auth-token-user "+base64.StdEncoding.EncodeToString([]byte(name)))
		}
	}
	if err := c.Session.Admit(now, params, options); err != nil {
		d.refuse(c, now, h, &access.Refusal{Reason: "the server's push list is faulty",
			Cause: &admission.SettingsError{Text: "the push list cannot be sent", Err: err}})
	}
}

// exportNeeded is what a client is told that is refused by force-tls-key-material-export.
const exportNeeded = "this server admits only clients that derive keys by RFC 5705: OpenVPN 2.6 or later"

// cipher finds a cipher of the data channel for a client, whose keys must be derived as
// the configuration wants it.
func (d *desk) cipher(h *session.Hello, own *config.PerClient) (string, *access.Refusal) {
	if d.rules.Load().cfg.Trust.ForceKeyExport && !h.PeerInfo.Has(negotiate.ProtoTLSEKM) {
		return "", &access.Refusal{Reason: exportNeeded, By: access.ByCipher}
	}
	ciphers := d.rules.Load().session.Ciphers
	if own.Ciphers != nil {
		ciphers = own.Ciphers
	}
	cipher, err := negotiate.ChooseCipher(ciphers, cmp.Or(own.Fallback, d.rules.Load().session.Fallback), h.PeerInfo, h.Options)
	if err != nil {
		return "", &access.Refusal{Reason: "Data channel cipher negotiation failed (no shared cipher)", Cause: err, By: access.ByCipher}
	}
	return cipher, nil
}

// reauth starts the decision whether a client whose keys are renewed may stay.
func (d *desk) reauth(c *client, now time.Time, r session.Reauth) {
	c.visit.Show(r.TLS)
	if d.recheck(c, now) {
		return
	}
	c.visit.Renew(now, r.Hello, func(now time.Time, decision admission.Decision) { d.rejudge(c, now, r.Key, decision) })
}

func (d *desk) rejudge(c *client, now time.Time, key wire.KeyID, decision admission.Decision) {
	if r := decision.Refusal; r != nil {
		how := c.course()
		how.Outcome, how.By = TurnedAway, judge(r)
		d.report(LoginRefused{About: c.about(now), Reason: r.Reason, Err: r.Cause, Handshake: how})
		reason := r.Reason
		if decision.Forget {
			reason = "SESSION:" + strings.TrimPrefix(reason, "SESSION:")
		}
		c.Session.Expel(now, key, reason)
		return
	}
	if d.turnOut(c, now) {
		return
	}
	c.Session.Readmit(now, key)
	if decision.Token != "" {
		c.Session.GiveToken(decision.Token)
	}
}

// revokedReason is what a client is told when it is shut out.
const revokedReason = "the certificate was revoked"

// recheck shuts out a client if its certificate, or one above it, is revoked.
func (d *desk) recheck(c *client, now time.Time) (revoked bool) {
	err := cmp.Or(c.visit.Revoked(now), d.rules.Load().admission.Revokes(c.visit, now))
	if err == nil || c.Session.Err() != nil {
		return false
	}
	c.visit.Drop()
	c.shut.Store(true)
	if !c.up {
		c.refused(access.ByList)
	}
	if c.Session.ShutOut(now, revokedReason) {
		d.report(c.cut(ShutOut{About: c.about(now), Err: err}))
	}
	return true
}

// recheckAll looks up every client in the lists of revoked certificates.
func (d *desk) recheckAll() {
	for _, c := range d.roster.table.all() {
		c.Do(func(now time.Time) { d.recheck(c, now) })
	}
}

// gone forgets a client, and reports its end.
func (d *desk) gone(c *client, now time.Time, err error) {
	defer d.roster.table.over(c)
	c.visit.Gone()
	d.farewell(c, now)
	d.roster.forget(c)
	c.Stop()
	if st, ok := c.Link().(*stream); ok {
		st.Close()
	}
	if c.displaced.Load() {
		d.strangers.madeRoom(d.roster.table.room())
	}
	if !c.up {
		d.handshakes.add(c.broken(err))
	}
	switch {
	case c.name != "":
		d.report(c.ended(now, err))
	case !c.displaced.Load():
		d.strangers.failed(now, c.Path().Remote, c.saidBefore(err))
	}
}

// farewell has the programs run for a client that is gone, before anybody else can have
// its addresses.
func (d *desk) farewell(c *client, now time.Time) {
	d.roster.table.remove(c)
	f := admission.Farewell{BytesIn: c.Counters.LinkIn.Load(), BytesOut: c.Counters.LinkOut.Load(), Duration: now.Sub(c.since)}
	for _, p := range c.left {
		f.Addresses = append(f.Addresses, addressText(p))
	}
	f.Addresses = append(f.Addresses, d.roster.ether.forgets(c)...)
	c.visit.Scripts().Leave(f)
	if !c.up {
		return
	}
	for _, address := range f.Addresses {
		d.report(Learned{About: c.about(now), Address: address, Change: AddressDeleted})
	}
}

// noneThere is the refusal if the network that clients share with the server
// (proxy-lan) has no address left.
var noneThere = &access.Refusal{Reason: "the network there has no address for this client", Later: true, By: access.ByRoom}

// noLease returns the refusal of a client for which there is no address.
func noLease(err error, onLAN bool) *access.Refusal {
	if onLAN && !errors.Is(err, lease.ErrNoLease) {
		return noneThere
	}
	return &access.Refusal{Reason: err.Error(), Later: true, By: access.ByRoom}
}
