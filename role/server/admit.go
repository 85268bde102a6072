package server

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"culvert/access/auth"
	"culvert/internal/mute"
	"culvert/internal/printable"
	"culvert/role/profile"
	"culvert/role/server/lease"
	"culvert/session"
	"culvert/session/negotiate"
	"culvert/tunnel"
)

// onEvent takes what a client's session reports, on the client's control
// goroutine.
func (s *Server) onEvent(p *tunnel.Peer, now time.Time, e session.Event) {
	c := p.Owner.(*client)
	switch e := e.(type) {
	case *session.Hello:
		s.hello(c, now, e)
	case session.Reauth:
		s.reauth(c, now, e)
	case session.ChallengeAnswered:
		c.login.answered(e.Response)
	case session.Delayed:
		if s.strangers.Allow(now, c.Path().Remote.Addr()) {
			s.happened(Stuck{About: c.about(now), Stage: e.Stage})
		}
	case session.Established:
		s.established(c, now, e)
	case session.Rekeyed:
		s.rekeyed(c, now, e)
		s.happened(Renewed{About: c.about(now), Key: e.Key, TLS: profile.Describe(e.TLS)})
	case session.RekeyFailed:
		c.login.stop()
		s.happened(RenewalFailed{About: c.about(now), Err: e.Err})
	case session.Idle:
		s.happened(Idle{c.about(now)})
		c.Session.Close()
	case session.Remark:
		s.happened(Remark{About: c.about(now), Text: e.Text})
	case session.Info:
		s.happened(Message{About: c.about(now), Text: e.Text})
	case session.Closed:
		s.closed(c, now, e.Err)
	}
}

// hello decides whether a client may come in, and with what.
func (s *Server) hello(c *client, now time.Time, h *session.Hello) {
	s.table.greeted(c)
	c.name = s.certificateName(h)
	c.certName, c.staysAway = c.name, h.PeerInfo.Has(negotiate.ProtoAuthTemp)
	c.agent = printable.Name(h.PeerInfo["IV_VER"] + " " + h.PeerInfo["IV_PLAT"])
	if s.logins.checker != nil { // nobody else looks whether it is true
		c.login.user = h.Username
	}
	c.presented = s.trust.Way(h.TLS.PeerCertificates)
	c.introduce()
	s.happened(Entering{c.about(now)})
	if s.recheck(c, now) {
		return
	}
	s.check(c, now, h, func(now time.Time, v auth.Verdict) {
		if !v.OK {
			s.happened(LoginRefused{About: c.about(now), Reason: v.Reason, Err: v.Err})
			c.Session.Refuse(now, v.Reason)
			return
		}
		extra := s.known(c, now)
		s.seekAddress(c, now, func(now time.Time) { s.admit(c, now, h, extra) })
	})
}

// admit lets a client in whose user is good, if there is room; extra is pushed
// to it beside the rest.
func (s *Server) admit(c *client, now time.Time, h *session.Hello, extra []string) {
	if !s.table.admit(c) {
		return // its session ends
	}
	params, options, refused := s.decide(c, h)
	options = append(options, extra...)
	if refused.reason != "" {
		s.happened(Refused{About: c.about(now), Reason: refused.reason, Cause: refused.cause})
		c.Session.Refuse(now, refused.text(h))
		return
	}
	if err := c.Session.Admit(now, params, options); err != nil {
		reason := "the server's push list is faulty"
		s.happened(Refused{About: c.about(now), Reason: reason, Cause: &SettingsError{Text: "the push list cannot be sent", Err: err}})
		c.Session.Refuse(now, reason)
	}
}

// decide finds cipher, peer-id and addresses for a client, and what it is to
// be told; or why it cannot come in.
func (s *Server) decide(c *client, h *session.Hello) (params negotiate.Params, options []string, refused refusal) {
	cipher, err := negotiate.ChooseCipher(s.session.Ciphers, s.session.Fallback, h.PeerInfo, h.Options)
	if err != nil {
		return params, nil, refusal{reason: "Data channel cipher negotiation failed (no shared cipher)", cause: err}
	}
	if c.own, err = s.readPerClient(c); err != nil {
		return params, nil, refusal{reason: refusedHere, cause: err}
	}
	if s.unique(c) {
		s.evictNamesake(c)
	}
	id, ok := s.table.takeID()
	if !ok {
		return params, nil, refusal{reason: "the server is full (max-clients)", full: true}
	}
	if err := s.leaseFor(c); err != nil {
		s.table.giveBackID(id)
		if s.book.OnLAN() && !errors.Is(err, lease.ErrNoLease) {
			return params, nil, noneThere
		}
		return params, nil, refusal{reason: err.Error(), full: true}
	}
	c.id, c.lease = id, c.holder.Lease
	params = negotiate.ServerParams(cipher, id, h.PeerInfo)
	params.Compression = negotiate.ServerCompression(s.session.Compression, h.PeerInfo, h.Options)
	params.CompressionSet = true
	return params, s.pushList(c, h.PeerInfo), refusal{}
}

// refusal is why a client cannot come in, in words for its user; the zero value
// is none. One for lack of room is a reason to come back later.
type refusal struct {
	reason string
	full   bool
	cause  error // for the server's own people; nil: there is no more to say
}

// noneThere is for want of an address on the network that clients share with the
// server (proxy-lan).
var noneThere = refusal{reason: "the network there has no address for this client", full: true}

// text is what a client is told: to come back later, if it understands that.
func (r refusal) text(h *session.Hello) string {
	if r.full && h.PeerInfo.Has(negotiate.ProtoAuthTemp) {
		return "TEMP[backoff 30,advance remote]:" + r.reason
	}
	return r.reason
}

// seekAddress waits for an address where that takes time, and goes on with next on
// the client's control goroutine.
func (s *Server) seekAddress(c *client, now time.Time, next func(now time.Time)) {
	c.holder = &lease.Holder{Name: c.name, Number: c.number, Unique: s.unique(c), Lost: func() {
		c.Do(func(now time.Time) { c.Session.Dismiss(now, "RESTART") })
	}}
	answered := s.book.Ask(c.holder)
	if answered == nil {
		next(now)
		return
	}
	s.logins.running.Go(func() {
		select {
		case <-answered:
			c.Do(next)
		case <-s.logins.ctx.Done():
		}
	})
}

// leaseFor leases a client its addresses. Who has one of its own meanwhile has to
// leave it.
func (s *Server) leaseFor(c *client) error {
	c.holder.IPv4, c.holder.IPv6 = c.own.Ifconfig, c.own.IfconfigIPv6
	if err := s.book.Lease(c.ctx, c.holder); err != nil {
		return err
	}
	for _, a := range c.holder.Own() {
		if before := s.table.route(a); before != nil && before != c {
			s.happened(AddressClaimed{About: before.about(time.Now()), Address: a, Owner: c.name})
			before.evict()
		}
	}
	return nil
}

// unique reports that no other client may have the name of this one: it has one,
// and duplicate-cn was not given.
func (s *Server) unique(c *client) bool { return !s.cfg.Server.DuplicateCN && c.name != nameless }

// evictNamesake ends the session of a client of the same name, which is the
// same one come back or the same profile on two devices, and frees its peer-id
// and lease at once, so that the new one gets in where they were the last.
func (s *Server) evictNamesake(c *client) {
	before := s.table.named(c.name)
	if before == nil {
		return
	}
	s.happened(Replaced{About: before.about(time.Now()), By: c.Path().Remote})
	s.book.Yield(before.holder)
	s.table.remove(before)
	before.giveWay()
}

// giveWay ends the session of a client whose place another one of its name took.
// It is told, if it understands to stay away for a while: two devices with one
// profile that came back at once would put each other out all the time.
func (c *client) giveWay() {
	if !c.staysAway {
		c.evict()
		return
	}
	c.abandon()
	c.Do(func(now time.Time) {
		c.Session.Dismiss(now, takenOver)
		c.Settle(now)
		c.Session.Close()
	})
}

// takenOver lets a client try again after as long as its own watch over a
// silent server would take, mostly.
const takenOver = "AUTH_FAILED,TEMP[backoff 60,advance no]:another connection with this client's name took the place of this one; give each device a profile of its own"

// abandon ends the programs that run for a client, for one of which its control
// goroutine may wait.
func (c *client) abandon() {
	if c.end != nil {
		c.end()
	}
}

// evict ends a client's session without a word to it.
func (c *client) evict() {
	c.abandon()
	c.Do(func(time.Time) { c.Session.Close() })
}

// tunIPv6 is what clients before OpenVPN 2.4 need for IPv6 (Changes.rst of 2.4);
// later ones know no such option or warn that they ignore it.
const tunIPv6 = "tun-ipv6"

// pushList is what a client that announces some capabilities is told, in the
// order OpenVPN has it.
func (s *Server) pushList(c *client, told negotiate.PeerInfo) []string {
	options := slices.DeleteFunc(slices.Clone(s.cfg.Server.Push), negotiate.IsCompression)
	options = append(options, s.book.Push(c.holder, options)...)
	if (c.holder.Lease.IPv6.IsValid() || c.own.IfconfigIPv6 != nil) && told.Before(2, 4) && !slices.Contains(options, tunIPv6) {
		options = append(options, tunIPv6)
	}
	return ownPush(c.own, options, s.book.Ifconfig(c.holder))
}

// established opens the road to a client.
func (s *Server) established(c *client, now time.Time, e session.Established) {
	c.cipher = e.Params.Cipher
	c.MaxInner.Store(int32(profile.MaxInner(s.cfg, c.Path().Remote.Addr().Is6(), c.Data)))
	c.up = true
	s.join(c)
	for _, before := range s.table.establish(c, s.unique(c)) {
		before.evict()
	}
	s.happened(Up{About: c.about(now), PeerID: c.id, IPv4: c.lease.IPv4, IPv6: c.lease.IPv6, Cipher: c.cipher,
		TLS: profile.Describe(e.TLS), Data: e.Params.Describe()})
}

// forget gives back all that a client had.
func (s *Server) forget(c *client) {
	if c.holder != nil {
		s.book.Return(c.holder)
	}
	s.table.remove(c)
	s.leave(c)
}

// closed forgets a client.
func (s *Server) closed(c *client, now time.Time, err error) {
	c.abandon()
	c.login.end()
	s.forget(c)
	c.Stop()
	if st, ok := c.Link().(*stream); ok {
		st.Close()
	}
	if c.displaced.Load() {
		s.displaced.Count(s.madeRoom)
	}
	switch {
	case c.name != "":
		s.happened(c.ended(now, err))
	case !c.displaced.Load():
		s.failed(c.Path().Remote, now, err)
	}
}

// ended is the event of a client that is gone.
func (c *client) ended(now time.Time, err error) Ended {
	e := Ended{About: c.about(now), Err: err, WasUp: c.up, Traffic: Traffic{
		PacketsIn: c.Counters.InPackets.Load(), PacketsOut: c.Counters.OutPackets.Load(),
		BytesIn: c.Counters.LinkIn.Load(), BytesOut: c.Counters.LinkOut.Load()}}
	switch {
	case c.displaced.Load():
		e.How = MadeRoom
	case errors.Is(err, session.ErrExit):
		e.How = Dismissed
	case errors.Is(err, session.ErrPeerExit):
		e.How = Left
	}
	if c.lease != nil {
		e.IPv4, e.IPv6 = c.lease.IPv4, c.lease.IPv6
	}
	return e
}

// failed is for somebody who did not get in: an event a minute for each address
// and reason.
func (s *Server) failed(from netip.AddrPort, now time.Time, err error) {
	more := func(n int) { s.happened(FailedMore{n}) }
	if times := s.strangers.Failure(now, from.Addr(), mute.Kind(err), more); times > 0 {
		s.happened(Failed{From: from, Err: err, Times: times})
	}
}

func (s *Server) madeRoom(n int) { s.happened(Displaced{Count: n, Room: s.maxSessions()}) }

func (s *Server) postponed(n int) {
	s.happened(Postponed{Count: n, Limit: s.cfg.Server.ConnectFreq.N, In: s.cfg.Server.ConnectFreq.Per})
}
