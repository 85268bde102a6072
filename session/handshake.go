package session

import (
	"errors"
	"fmt"
	"time"

	"culvert/session/negotiate"
	"culvert/session/seal"
	"culvert/session/wire"
)

// ekmLabel names the data keys in the TLS exporter (RFC 5705; draft, "Data
// channel keys").
const ekmLabel = "EXPORTER-OpenVPN-datakeys"

// step carries a generation's handshake on as far as what has arrived allows.
// The order of a first handshake is:
//
//  1. resets, then TLS
//  2. the client's key source, then the server's
//  3. the push, where keys wait for the cipher it names
//
// and of a later one the same without the push.
func (s *Session) step(now time.Time, g *generation) {
	if g.tls == nil || s.err != nil {
		return
	}
	if err := s.exchangeKeys(now, g); err != nil {
		s.failGeneration(g, err)
		return
	}
	if g.phase >= phasePush {
		s.receiveMessages(now, g)
	}
	switch {
	case g.tls == nil || g.tls.err == nil:
	case g == s.active && g.tls.garbled():
		s.abandonTLS(now, g)
	default:
		s.failGeneration(g, fmt.Errorf("TLS: %w", inWords(g.tls.err, s.cfg.TLS)))
	}
}

// abandonTLS gives up the TLS connection of the keys in use, into which somebody
// has put what the peer did not say: without control channel armour that takes no
// more than the peer's address and session id, and with tls-auth or tls-crypt a
// key that all clients have. Data goes on, and new keys bring another connection.
func (s *Session) abandonTLS(now time.Time, g *generation) {
	if s.forged.IsZero() || now.Sub(s.forged) >= reportInterval {
		s.forged = now
		s.remark("a control packet of this session was forged or damaged (" + g.tls.err.Error() + "): its data goes on, and the keys are renewed")
	}
	g.close()
	if s.next == nil {
		s.renegotiate = now
		if soon := s.softened.Add(minKeyAge); soon.After(now) {
			s.renegotiate = soon
		}
	}
}

// exchangeKeys sends this side's key exchange message and takes the peer's: a
// client's goes first.
func (s *Session) exchangeKeys(now time.Time, g *generation) error {
	if g.tls.established && g.phase == phaseTLS {
		g.phase = phaseKeys
		if !s.cfg.Server {
			if err := s.login(g); err != nil {
				return err
			}
		}
	}
	if g.phase != phaseKeys {
		return nil
	}
	return s.receiveKeys(now, g)
}

// failGeneration ends the session when the first handshake fails, or the TLS
// of the keys in use; a failed renegotiation only drops its generation.
func (s *Session) failGeneration(g *generation, err error) {
	if g == s.next && s.active != nil && !errors.Is(err, ErrIdentity) && !errors.Is(err, ErrUntrusted) {
		s.emit(RekeyFailed{&HandshakeError{Stage: g.stage(), Err: err}})
		g.close()
		s.next = nil
		s.renegotiate = g.until
		return
	}
	if g == s.old {
		g.close()
		return
	}
	if g == s.next {
		err = &HandshakeError{Stage: g.stage(), Err: err}
	}
	s.fail(err)
}

// sendKeys sends this side's key exchange message.
func (s *Session) sendKeys(g *generation) error {
	m := &wire.KeyMethod2{Source: g.source, Options: s.cfg.Options}
	if s.cfg.Server {
		m.Options = negotiate.FramedAs(g.peer.Options, s.cfg.Options)
	}
	if s.cfg.P2P {
		m.PeerInfo = s.cfg.PeerInfo.String()
	}
	if !s.cfg.Server {
		m.Username, m.Password = s.cfg.Username, s.cfg.Password
		m.PeerInfo = s.cfg.PeerInfo.String()
		s.sentUsername = s.cfg.Username
		s.forgetLogin()
	}
	message, err := wire.AppendKeyMethod2(nil, m, !s.cfg.Server)
	if err != nil {
		return err
	}
	return g.tls.Write(message)
}

// receiveKeys takes the peer's key exchange message, once all of it is there.
func (s *Session) receiveKeys(now time.Time, g *generation) error {
	if len(g.tls.plain) == 0 {
		return nil
	}
	peer, n, err := wire.ParseKeyMethod2(g.tls.plain, s.cfg.Server)
	if errors.Is(err, wire.ErrShort) {
		return nil
	}
	if err != nil {
		return err
	}
	g.tls.plain = g.tls.plain[n:]
	g.peer = peer
	if err := s.checkIdentity(g); err != nil {
		return err
	}
	if s.cfg.Server && s.active != nil && s.cfg.Reauthenticate {
		g.phase = phaseVerdict
		s.emit(Reauth{Key: g.id, Hello: s.helloOf(g)})
		return nil
	}
	if s.cfg.Server {
		if err := s.sendKeys(g); err != nil {
			return err
		}
	}
	g.phase = phasePush
	switch {
	case s.active != nil:
		return s.installKeys(now, g)
	case s.cfg.P2P:
		return s.agree(now, g)
	case s.cfg.Server:
		s.hello = s.helloOf(g)
		s.emit(s.hello)
	default:
		s.push.nextRequest = now
		s.emit(Asking{})
	}
	return nil
}

// helloOf is what a client's key exchange message says of it.
func (s *Session) helloOf(g *generation) *Hello {
	h := &Hello{
		TLS:      g.tls.conn.ConnectionState(),
		PeerInfo: negotiate.ParsePeerInfo(g.peer.PeerInfo),
		Options:  g.peer.Options,
		Username: g.peer.Username, Password: g.peer.Password,
	}
	g.peer.Password = ""
	return h
}

// checkIdentity holds a renegotiation to the certificate and user name of the
// first handshake.
func (s *Session) checkIdentity(g *generation) error {
	is := identityOf(g.tls.conn.ConnectionState(), g.peer.Username)
	if s.identity == nil {
		s.identity = &is
	}
	if *s.identity != is {
		return fmt.Errorf("%w: from %q to %q", ErrIdentity, s.identity.commonName, is.commonName)
	}
	return nil
}

// remarkOpenness warns of a data channel that anybody can read or change.
func (s *Session) remarkOpenness(cipher seal.Cipher) {
	switch {
	case cipher == seal.None:
		s.emit(Remark{"WARNING: THIS TUNNEL IS UNENCRYPTED (cipher NONE): anybody on the way can read what it carries"})
	case !cipher.IsAEAD() && s.cfg.Digest.New == nil:
		s.emit(Remark{"WARNING: THE PACKETS OF THIS TUNNEL ARE NOT AUTHENTICATED (auth NONE): anybody on the way can change what it carries"})
	}
}

// installKeys derives g's data keys by s.params and makes g the active
// generation.
func (s *Session) installKeys(now time.Time, g *generation) error {
	material, err := s.material(g)
	if err != nil {
		return err
	}
	cipher, err := seal.LookupCipher(s.params.Cipher)
	if err != nil {
		return err
	}
	g.keys, err = seal.NewGeneration(seal.GenerationConfig{
		KeyID: g.id, Cipher: cipher, Material: material, Server: s.cfg.Server,
		Digest: s.cfg.Digest, Insecure: s.cfg.Insecure, Epoch: s.params.Epoch,
		PeerID: s.params.PeerID, V2: s.params.DataV2,
		Window: s.cfg.ReplayWindow, ReplayTime: s.cfg.ReplayTime, Limits: s.cfg.Limits,
	})
	if err != nil {
		return err
	}
	if s.active == nil {
		s.agreeFraming(g.peer.Options)
	}
	g.phase, g.installed = phaseActive, now
	s.data.ring.Install(g.keys)
	s.revive(g.id)
	s.wane(s.old)
	s.old, s.active, s.next = s.active, g, nil
	if !s.cfg.Server || s.old == nil {
		s.startSending(g)
	}
	s.scheduleRenegotiation(now)
	state := g.tls.conn.ConnectionState()
	if g.id == 0 {
		s.emit(Established{Params: s.params, TLS: state})
		s.remarkOpenness(cipher)
	} else {
		s.emit(Rekeyed{Key: g.id, TLS: state})
	}
	return nil
}

// startSending seals data with g from now on. A client may at once: the server
// derived its keys before it answered. A server that renews keys goes on with
// the old ones until the client has shown that it has the new (see Advance).
func (s *Session) startSending(g *generation) {
	g.sending = true
	s.data.ring.SendWith(g.id)
}

// retire drops a generation's TLS connection and keys.
func (s *Session) retire(g *generation) {
	if g == nil {
		return
	}
	g.close()
	s.data.ring.Retire(g.id)
}

// material is the 256 bytes that data keys are cut from.
func (s *Session) material(g *generation) (m seal.KeyMaterial, err error) {
	if s.params.TLSEKM {
		state := g.tls.conn.ConnectionState()
		keys, err := state.ExportKeyingMaterial(ekmLabel, nil, len(m))
		if err != nil {
			return m, fmt.Errorf("data keys from the TLS exporter: %w", err)
		}
		copy(m[:], keys)
		return m, nil
	}
	if s.cfg.Server {
		return seal.DeriveLegacy(&g.peer.Source, &g.source, s.remote, s.local), nil
	}
	return seal.DeriveLegacy(&g.source, &g.peer.Source, s.local, s.remote), nil
}
