package session

import (
	"crypto/tls"
	"fmt"
	"time"

	"culvert/session/framing"
	"culvert/session/negotiate"
	"culvert/session/seal"
	"culvert/session/wire"
)

// Labels of the TLS exporter (RFC 5705).
const (
	ekmLabel    = "EXPORTER-OpenVPN-datakeys"   // data keys (draft, "Data channel keys")
	peerIDLabel = "EXPORTER-OpenVPN-p2p-peerid" // the peer-id of two hosts (draft, "Negotiation")
)

// agree works out what two hosts without server mode have in common, and
// installs the first keys.
func (h *handshake) agree(now time.Time, g *generation) (err error) {
	info := negotiate.ParsePeerInfo(g.peer.PeerInfo)
	h.params, err = negotiate.P2PParams(h.cfg.Server, h.cfg.Ciphers, h.cfg.Fallback, h.cfg.PeerInfo, info, g.peer.Options)
	if err != nil {
		return err
	}
	if h.params.TLSEKM && h.params.DataV2 {
		state := g.tls.conn.ConnectionState()
		id, err := state.ExportKeyingMaterial(peerIDLabel, nil, 3)
		if err != nil {
			return err
		}
		h.params.PeerID = wire.PeerID(id[0])<<16 | wire.PeerID(id[1])<<8 | wire.PeerID(id[2])
	}
	return h.install(now, g)
}

// install derives the data keys of a generation whose handshake is over, by what
// was agreed on, and puts them to use.
func (h *handshake) install(now time.Time, g *generation) error {
	state := g.tls.conn.ConnectionState()
	material, err := h.material(g, &state)
	if err != nil {
		return err
	}
	if g.keys, err = h.dataKeys(g.id, material); err != nil {
		return err
	}
	if h.control.keys.active == nil {
		h.agreeFraming(g.peer.Options)
	}
	h.enter(now, g, state)
	return nil
}

// enter makes a generation with data keys the active one, and says so.
func (h *handshake) enter(now time.Time, g *generation, state tls.ConnectionState) {
	first := h.control.keys.active == nil
	if first {
		h.data.frame(h.cfg, h.params)
	}
	if first && !h.cfg.P2P {
		g.course.end(StagePush, now)
	}
	g.course.end(StageUp, now)
	h.control.keys.install(now, g)
	h.control.renewal.schedule(now)
	if !first {
		h.emit(Rekeyed{Key: g.id, TLS: state, Course: g.course})
		return
	}
	h.emit(Established{Params: h.params, TLS: state, Course: g.course})
	h.remarkOpenness()
}

// material is the 256 bytes that data keys are cut from.
func (h *handshake) material(g *generation, state *tls.ConnectionState) (m seal.KeyMaterial, err error) {
	if h.params.TLSEKM {
		keys, err := state.ExportKeyingMaterial(ekmLabel, nil, len(m))
		if err != nil {
			return m, fmt.Errorf("data keys from the TLS exporter: %w", err)
		}
		copy(m[:], keys)
		return m, nil
	}
	port := h.control.port
	if h.cfg.Server {
		return seal.DeriveLegacy(&g.peer.Source, &g.source, port.remote, port.local), nil
	}
	return seal.DeriveLegacy(&g.source, &g.peer.Source, port.local, port.remote), nil
}

// dataKeys cuts the data keys of a generation by what was agreed on.
func (h *handshake) dataKeys(id wire.KeyID, material seal.KeyMaterial) (*seal.Generation, error) {
	cipher, err := seal.LookupCipher(h.params.Cipher)
	if err != nil {
		return nil, err
	}
	return seal.NewGeneration(seal.GenerationConfig{
		KeyID: id, Cipher: cipher, Material: material, Server: h.cfg.Server,
		Digest: h.cfg.Digest, Insecure: h.cfg.Insecure, Epoch: h.params.Epoch,
		PeerID: h.params.PeerID, V2: h.params.DataV2,
		Window: h.cfg.ReplayWindow, ReplayTime: h.cfg.ReplayTime, Limits: h.cfg.Limits,
	})
}

// agreeFraming settles what stands between packets and the data channel, by
// what was pushed, configured, and said in the peer's options string.
func (h *handshake) agreeFraming(options string) {
	p := &h.params
	var remark string
	if !p.CompressionSet {
		p.Compression, remark = negotiate.AgreeCompression(h.cfg.Compression, options)
		h.remark(remark)
	}
	p.Fragments, remark = negotiate.AgreeFragments(h.cfg.Fragment > 0, options)
	h.remark(remark)
}

// frame sets the framing of packets, as it was agreed on.
func (d *Data) frame(cfg *Config, p negotiate.Params) {
	d.stage.Store(framing.New(framing.Config{
		Compression: p.Compression, Refuse: cfg.RefuseCompressed, Fragments: p.Fragments,
	}))
}

// remarkOpenness warns of a data channel that anybody can read or change.
func (h *handshake) remarkOpenness() {
	cipher, _ := seal.LookupCipher(h.params.Cipher) // the keys in use have it
	switch {
	case cipher == seal.None:
		h.remark("WARNING: THIS TUNNEL IS UNENCRYPTED (cipher NONE): anybody on the way can read what it carries")
	case !cipher.IsAEAD() && h.cfg.Digest.New == nil:
		h.remark("WARNING: THE PACKETS OF THIS TUNNEL ARE NOT AUTHENTICATED (auth NONE): anybody on the way can change what it carries")
	}
}
