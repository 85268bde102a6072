package negotiate

import (
	"slices"
	"strconv"

	"culvert/session/wire"
)

// p2pPeerID is the peer-id of two hosts that cannot work out one ("vpn").
const p2pPeerID wire.PeerID = 0x76706e

// ForP2P is what a host without server mode tells its peer: p, with the flags
// that only a client of a server has left out.
func (p PeerInfo) ForP2P() PeerInfo {
	const pullOnly = ProtoRequestPush | ProtoAuthTemp | ProtoDNSOption | ProtoPushUpdate | ProtoAuthPending
	info := make(PeerInfo, len(p))
	for name, value := range p {
		info[name] = value
	}
	delete(info, "IV_SSO")
	info["IV_PROTO"] = strconv.FormatUint(uint64(p.Proto()&^pullOnly|ProtoP2P), 10)
	return info
}

// P2PParams are the properties of the data channel that two hosts without
// server mode agree on by themselves (draft, "Negotiation"): every flag that
// both announced, and the first of the TLS server's ciphers that the client has
// too. server says which of the two this side is. A peer that does not
// negotiate gets no flags, and the cipher it is configured with or fallback. It
// fails with *CipherError.
func P2PParams(server bool, ciphers []string, fallback string, ours, theirs PeerInfo, options string) (Params, error) {
	if !theirs.Has(ProtoP2P) {
		cipher, err := ChooseCipher(ciphers, fallback, PeerInfo{}, options)
		return ServerParams(cipher, p2pPeerID, PeerInfo{}), err
	}
	cipher, err := p2pCipher(server, ciphers, fallback, theirs, options)
	common := PeerInfo{"IV_PROTO": strconv.FormatUint(uint64(ours.Proto()&theirs.Proto()), 10)}
	return ServerParams(cipher, p2pPeerID, common), err
}

func p2pCipher(server bool, ciphers []string, fallback string, theirs PeerInfo, options string) (string, error) {
	if server || theirs.Ciphers() == nil {
		return ChooseCipher(ciphers, fallback, theirs, options)
	}
	for _, c := range theirs.Ciphers() {
		if slices.Contains(ciphers, c) {
			return c, nil
		}
	}
	return "", &CipherError{Ours: ciphers, Theirs: theirs.Ciphers()}
}
