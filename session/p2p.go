package session

import (
	"time"

	"culvert/session/negotiate"
	"culvert/session/reliable"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// peerIDLabel names the peer-id of two hosts in the TLS exporter (draft,
// "Negotiation").
const peerIDLabel = "EXPORTER-OpenVPN-p2p-peerid"

// NewP2P starts a session between two hosts without server mode: Output has
// this side's hard reset, whichever TLS role cfg gives it. Nobody pushes:
// both sides work out by themselves what they have in common. Accept makes
// such a session too, where cfg.P2P is set.
func NewP2P(cfg Config, now time.Time) *Session {
	cfg.P2P = true
	s := newSession(cfg, nil, now)
	s.local = newSessionID()
	reset := wire.PControlHardResetClientV2
	switch {
	case cfg.Server:
		reset = wire.PControlHardResetServerV2
	case wrap.BringsKey(cfg.Wrapper):
		reset = wire.PControlHardResetClientV3
	}
	s.next = newGeneration(0, reliable.New(0, cfg.TLSTimeout), now, cfg.HandWindow)
	s.next.ch.Send(reset, nil)
	return s
}

// peerReset is the opcode by which the peer of a session that this side began
// names its session id.
func (s *Session) peerReset() wire.Opcode {
	if s.cfg.Server {
		return wire.PControlHardResetClientV2
	}
	return wire.PControlHardResetServerV2
}

// seeksPeer reports a session that this side began, and whose peer names its
// session id with its reset. A server knows it from the start.
func (s *Session) seeksPeer() bool { return !s.cfg.Server || s.cfg.P2P }

// pulls reports a client that a server pushes to.
func (s *Session) pulls() bool { return !s.cfg.Server && !s.cfg.P2P }

// agree works out what two hosts have in common, and installs the first keys.
func (s *Session) agree(now time.Time, g *generation) (err error) {
	info := negotiate.ParsePeerInfo(g.peer.PeerInfo)
	s.params, err = negotiate.P2PParams(s.cfg.Server, s.cfg.Ciphers, s.cfg.Fallback, s.cfg.PeerInfo, info, g.peer.Options)
	if err != nil {
		return err
	}
	if s.params.TLSEKM && s.params.DataV2 {
		state := g.tls.conn.ConnectionState()
		id, err := state.ExportKeyingMaterial(peerIDLabel, nil, 3)
		if err != nil {
			return err
		}
		s.params.PeerID = wire.PeerID(id[0])<<16 | wire.PeerID(id[1])<<8 | wire.PeerID(id[2])
	}
	return s.installKeys(now, g)
}
