package p2p

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"culvert/endpoint"
	"culvert/internal/buf"
	"culvert/session"
	"culvert/tunnel"
)

// begin starts a session towards the other host. It reports false when it is
// known where that is, but not now.
func (h *Host) begin(ctx context.Context) bool {
	if h.static != nil {
		return h.beginStatic(ctx)
	}
	if h.remotes.any() {
		return true
	}
	to, err := h.remotes.next(ctx)
	if err != nil {
		h.log.Warn("the other host cannot be found", "error", err)
		return false
	}
	h.log.Info("connecting", "remote", to)
	h.start(h.newSide(session.NewP2P(h.sessionWith(to), time.Now()), h.link, buf.Path{Remote: to}), nil)
	return true
}

// sessionWith is the settings for a session with a host at an address.
func (h *Host) sessionWith(remote netip.AddrPort) session.Config {
	cfg := h.session
	if h.showTLS != nil {
		cfg.TLS = h.showTLS(cfg.TLS, remote)
	}
	cfg.Wrapper = h.wrapper()
	return cfg
}

// onEvent takes what a session reports, on its control goroutine.
func (h *Host) onEvent(p *tunnel.Peer, _ time.Time, e session.Event) {
	s := p.Owner.(*side)
	switch e := e.(type) {
	case session.Established:
		h.established(s, e)
	case session.Rekeyed:
		h.log.Info("Control Channel: " + endpoint.Describe(e.TLS))
		h.log.Info("keys renewed", "key", e.Key)
	case session.RekeyFailed:
		h.log.Warn("renewing keys failed, the old ones stay in use; it will be tried again", "error", e.Err)
	case session.Idle:
		h.end(errInactive)
	case session.Remark:
		h.log.Warn(e.Text)
	case session.Info:
		h.log.Info("message from the other host", "text", e.Text)
	case session.Closed:
		h.ended(s, e.Err)
	}
}

// established makes a session the one that carries packets.
func (h *Host) established(s *side, e session.Established) {
	remote := s.Path().Remote
	s.MaxInner.Store(int32(endpoint.MaxInner(h.cfg, remote.Addr().Is6(), s.Session)))
	if before := h.sides.promote(s); before != nil {
		h.log.Info("the other host began anew; the session before is over", "reason", errReplaced)
		before.Stop()
	}
	h.log.Info("Control Channel: " + endpoint.Describe(e.TLS))
	h.log.Info("Data Channel: "+e.Params.Describe(), "peer-id", e.Params.PeerID)
	h.up(remote.String())
}

// up says that packets can pass.
func (h *Host) up(remote string) {
	h.notify()
	h.log.Info("Initialization Sequence Completed", "adapter", h.adapter.Name(), "remote", remote)
	if h.opts.Ready != nil {
		h.opts.Ready(h)
	}
}

// Restart ends the session with the other host and begins another. Socket and
// adapter stay. Two hosts that share a static key have none to end.
func (h *Host) Restart() {
	for _, s := range h.sides.all() {
		s.Do(func(time.Time) { s.Session.Close() })
	}
}

// ended forgets a session.
func (h *Host) ended(s *side, err error) {
	wasCurrent := h.sides.drop(s)
	h.traffic.Ended(s.Peer)
	s.Stop()
	switch {
	case errors.Is(err, session.ErrExit):
	case errors.Is(err, session.ErrPeerExit):
		h.log.Info("the other host left", "remote", s.Path().Remote)
	case wasCurrent:
		h.log.Warn("connection lost", "remote", s.Path().Remote, "reason", err)
	default:
		h.log.Warn("no connection", "remote", s.Path().Remote, "reason", err)
	}
	h.judge(err)
	h.notify()
}
