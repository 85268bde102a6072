package wrap

import (
	"fmt"

	"culvert/internal/digest"
	"culvert/session/wire"
)

// Armour is the armour that a server accepts: V2, alone or beside one of
// TLSAuth and TLSCrypt, or one of those alone. With none set, packets travel in
// clear. Not to be changed while in use; safe for concurrent use.
type Armour struct {
	TLSAuth  *TLSAuthKey
	TLSCrypt *StaticKey
	V2       *ServerKeyV2
	// ForceCookie refuses tls-crypt-v2 clients that cannot be answered without
	// keeping state.
	ForceCookie bool
}

// TLSAuthKey is one end's settings of tls-auth.
type TLSAuthKey struct {
	Key       *StaticKey
	Direction Direction
	Digest    digest.Digest
}

// Wrapper makes the wrapper for a client that is not known yet from a packet of
// it, and returns the metadata of its wrapped key, if it brought one. The packet
// itself is left to Wrapper.Unwrap to verify. It fails as UnwrapClientKey does,
// and with ErrAuth when the packet is for an armour that is not accepted.
func (a *Armour) Wrapper(packet []byte, opts ...Option) (w Wrapper, metadata []byte, err error) {
	var c wire.Control
	if _, err := c.ParseHeader(packet); err != nil {
		return nil, nil, err
	}
	switch {
	case c.Op.HasWKc():
		return a.wrapperV2(packet, opts)
	case a.TLSCrypt != nil:
		return NewTLSCrypt(a.TLSCrypt, true, opts...), nil, nil
	case a.TLSAuth != nil:
		return NewTLSAuth(a.TLSAuth.Key, a.TLSAuth.Direction, a.TLSAuth.Digest, opts...), nil, nil
	case a.V2 != nil:
		return nil, nil, fmt.Errorf("tls-crypt-v2: %w: %v brings no wrapped key", ErrAuth, c.Op)
	}
	return None{}, nil, nil
}

func (a *Armour) wrapperV2(packet []byte, opts []Option) (Wrapper, []byte, error) {
	if a.V2 == nil {
		return nil, nil, fmt.Errorf("tls-crypt-v2: %w: no tls-crypt-v2 server key to open the client's key", ErrAuth)
	}
	_, wkc, err := SplitWKc(packet)
	if err != nil {
		return nil, nil, err
	}
	kc, metadata, err := a.V2.UnwrapClientKey(wkc)
	if err != nil {
		return nil, nil, err
	}
	return NewTLSCryptV2Server(kc, opts...), metadata, nil
}
