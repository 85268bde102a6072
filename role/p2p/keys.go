package p2p

import (
	"context"

	"culvert/config"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/seal"
	"culvert/session/wrap"
)

// keys is how two hosts know each other: what every session is made of.
type keys struct {
	profile.Choice
	greeter *session.Greeter // of the TLS server
	armour  wrap.Armour      // of the TLS server
	static  *seal.Static     // with `secret`; nil with TLS
	// awaited says that there is no key for the control channel before the other
	// host has brought it (tls-crypt-v2).
	awaited bool
}

// newKeys checks all that c says of keys. remark is told what there is to say.
func newKeys(c *config.Config, o Options, remark func(string)) (k *keys, err error) {
	k = new(keys)
	if c.Trust.Secret != nil {
		k.Choice, err = profile.Choose(c, o.Log, remark, func(c *config.Config, _ func(string)) (s *profile.Settings, err error) {
			s, keys, err := profile.StaticSettings(c)
			if k.static == nil {
				k.static = keys
			}
			return s, err
		})
		return k, err
	}
	if o.Asker != nil {
		err = profile.UnlockBy(context.Background(), c, o.Asker)
	} else {
		err = profile.Unlock(c, o.Ask)
	}
	if err != nil {
		return nil, err
	}
	k.Choice, err = profile.Choose(c, o.Log, remark, func(c *config.Config, warn func(string)) (*profile.Settings, error) {
		return profile.P2PSettings(c, warn, o.Lists)
	})
	if err != nil || !c.TLSServer {
		return k, err
	}
	armour, err := profile.Armour(c)
	k.armour = armour
	k.greeter, k.awaited = session.NewGreeter(armour, session.Rate{}), c.Trust.TLSCryptV2 != nil
	return k, err
}
