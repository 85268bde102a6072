package profile

import (
	"fmt"

	"culvert/config"
	"culvert/session"
	"culvert/session/seal"
	"culvert/session/wrap"
)

// Static returns the settings of c for sessions of two hosts that share a static key
// (`secret`), and the keys.
func Static(c *config.Config) (session.Config, *seal.Static, error) {
	s := session.Config{Timers: Timers(c.Timers)}
	if err := dataChannel(c, &s); err != nil {
		return s, nil, err
	}
	key, err := wrap.ParseStaticKey(c.Trust.Secret.Text)
	if err != nil {
		return s, nil, fileError("secret", c.Trust.Secret, err)
	}
	cipher, err := seal.LookupCipher(c.Data.Cipher)
	if err != nil {
		return s, nil, fmt.Errorf("cipher: %w", err)
	}
	settings := seal.StaticConfig{Cipher: cipher, Digest: s.Digest, Window: c.Data.ReplayWindow, ReplayTime: c.Data.ReplayTime}
	send, receive := key.DataKeys(direction(c.Trust))
	copy(settings.Material[:], send[:])
	copy(settings.Material[len(send):], receive[:])
	keys, err := seal.NewStatic(settings)
	return s, keys, err
}
