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
			s.log.Warn("a client does not get on: "+e.Stage, "address", c.Path().Remote)
		}
	case session.Established:
		s.established(c, e)
	case session.Rekeyed:
		s.rekeyed(c, now, e)
		s.log.Info("Control Channel: "+profile.Describe(e.TLS), "client", c.name)
		s.log.Info("keys renewed", "client", c.name, "key", e.Key)
	case session.RekeyFailed:
		c.login.stop()
		s.log.Warn("renewing keys failed, the old ones stay in use; it will be tried again", "client", c.name, "error", e.Err)
	case session.Idle:
		s.log.Info("client is cut off, since the tunnel carries less than `inactive` asks for", "client", c.name)
		c.Session.Close()
	case session.Remark:
		s.log.Warn(e.Text, "client", c.name)
	case session.Info:
		s.log.Debug("control message without use here", "client", c.name, "message", e.Text)
	case session.Closed:
		s.closed(c, e.Err)
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
	if s.shows(c, now, h.TLS) {
		return
	}
	c.introduce()
	s.check(c, now, h, func(now time.Time, v auth.Verdict) {
		if !v.OK {
			s.refusedLogin(c, v)
			c.Session.Refuse(now, v.Reason)
			return
		}
		s.joinLAN(c, now, func(now time.Time, err error) {
			if err != nil {
				c.Session.Refuse(now, noneThere.text(h))
				return
			}
			s.admit(c, now, h, s.known(c, now))
		})
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
		s.log.Warn("client refused", "client", c.name, "address", c.Path().Remote, "reason", refused.reason)
		c.Session.Refuse(now, refused.text(h))
		return
	}
	if err := c.Session.Admit(now, params, options); err != nil {
		s.log.Error("client refused", "client", c.name, "error", err)
		c.Session.Refuse(now, "the server's push list is faulty")
	}
}

// decide finds cipher, peer-id and addresses for a client, and what it is to
// be told; or why it cannot come in.
func (s *Server) decide(c *client, h *session.Hello) (params negotiate.Params, options []string, refused refusal) {
	cipher, err := negotiate.ChooseCipher(s.session.Ciphers, s.session.Fallback, h.PeerInfo, h.Options)
	if err != nil {
		s.log.Warn(err.Error(), "client", c.name)
		return params, nil, refusal{reason: "Data channel cipher negotiation failed (no shared cipher)"}
	}
	if c.own, refused.reason = s.readPerClient(c); refused.reason != "" {
		return params, nil, refused
	}
	name := c.name
	if !s.unique(c) {
		name = ""
	} else {
		s.evictNamesake(c)
	}
	id, ok := s.table.takeID()
	if !ok {
		return params, nil, refusal{"the server is full (max-clients)", true}
	}
	lease, err := s.leaseHeld(c, name)
	if err != nil {
		s.table.giveBackID(id)
		if s.lan != nil && !errors.Is(err, ErrNoLease) {
			return params, nil, noneThere
		}
		return params, nil, refusal{err.Error(), true}
	}
	c.id, c.lease = id, lease
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
}

// noneThere is for want of an address on the network that clients share with the
// server (proxy-lan).
var noneThere = refusal{"the network there has no address for this client", true}

// text is what a client is told: to come back later, if it understands that.
func (r refusal) text(h *session.Hello) string {
	if r.full && h.PeerInfo.Has(negotiate.ProtoAuthTemp) {
		return "TEMP[backoff 30,advance remote]:" + r.reason
	}
	return r.reason
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
	s.log.Warn("a client of this name was connected and is cut off: if the same profile is used on two devices, give each its own, or allow it with `duplicate-cn`",
		"client", c.name, "from", before.Path().Remote, "now", c.Path().Remote)
	s.pool.release(before.lease)
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
	options = append(options, s.lan.push(c, options)...)
	options = append(options, s.layout.pushBeside(s.cfg)...)
	if (c.lease.IPv6.IsValid() || c.own.IfconfigIPv6 != nil) && told.Before(2, 4) && !slices.Contains(options, tunIPv6) {
		options = append(options, tunIPv6)
	}
	return ownPush(c.own, options, s.ownIfconfig(c))
}

// established opens the road to a client.
func (s *Server) established(c *client, e session.Established) {
	c.cipher = e.Params.Cipher
	c.MaxInner.Store(int32(profile.MaxInner(s.cfg, c.Path().Remote.Addr().Is6(), c.Session)))
	c.introduce()
	s.join(c)
	for _, before := range s.table.establish(c, s.unique(c)) {
		before.evict()
	}
	s.log.Info("Control Channel: "+profile.Describe(e.TLS), "client", c.name)
	s.log.Info("Data Channel: "+e.Params.Describe(), "client", c.name, "peer-id", c.id)
	s.log.Info("client connected", "client", c.name, "address", c.Path().Remote,
		"ipv4", c.lease.IPv4, "ipv6", c.lease.IPv6, "agent", c.agent)
}

// forget gives back all that a client had.
func (s *Server) forget(c *client) {
	if c.shun.Load() {
		s.pool.shun(c.lease, shunned)
	}
	s.pool.release(c.lease)
	s.table.remove(c)
	if s.lan != nil {
		s.lan.leave(c)
	}
	s.leave(c)
}

// closed forgets a client.
func (s *Server) closed(c *client, err error) {
	c.abandon()
	c.login.end()
	s.forget(c)
	c.Stop()
	if st, ok := c.Link().(*stream); ok {
		st.Close()
	}
	switch {
	case c.displaced.Load():
		s.displaced.Count(s.sayDisplaced)
	case errors.Is(err, session.ErrExit):
		s.log.Info("client's session ended", "client", c.name, "address", c.Path().Remote)
	case errors.Is(err, session.ErrPeerExit):
		s.log.Info("client left", "client", c.name, "address", c.Path().Remote)
	case c.name == "":
		s.sayFailure(c.Path().Remote, err)
	default:
		s.log.Warn("client lost", "client", c.name, "address", c.Path().Remote, "reason", err)
	}
}

// sayFailure says why a client did not get in, once a minute for each address and
// reason.
func (s *Server) sayFailure(from netip.AddrPort, err error) {
	switch times := s.strangers.Failure(time.Now(), from.Addr(), mute.Kind(err), s.sayFailures); {
	case times == 1:
		s.log.Warn("a client did not get in", "address", from, "reason", err)
	case times > 1:
		s.log.Warn("a client still does not get in, for a reason given above", "address", from, "times", times, "reason", printable.Brief(err.Error()))
	}
}

func (s *Server) sayFailures(n int) {
	s.log.Warn("more clients did not get in, beside those named above", "how-many", n)
}

func (s *Server) sayDisplaced(n int) {
	s.log.Warn("clients in their handshake had to make room for newcomers, since as many as there is room for have not said who they are: "+
		"many begin a session and do not go on with it; connect-freq limits how many may begin", "how-many", n, "room", s.maxSessions())
}

func (s *Server) sayRefused(n int) {
	s.log.Warn("clients that wanted to begin a session have to try again, since more came than connect-freq allows", "how-many", n,
		"limit", s.cfg.Server.ConnectFreq.N, "in", s.cfg.Server.ConnectFreq.Per)
}
