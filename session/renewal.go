package session

import (
	"math/rand/v2"
	"time"

	"culvert/session/seal"
)

// How often the use of keys is compared with its limits: those of their
// ciphers, and those of reneg-bytes and reneg-pkts where given.
const (
	cipherUsageInterval = time.Minute
	usageInterval       = time.Second
)

// minKeyAge is how soon a peer may have keys renewed again, since every time
// costs this side a TLS handshake and perhaps a login. A peer that comes earlier
// asks again by retransmission.
const minKeyAge = time.Second

// renewal decides when keys are renewed: by age, by use, or at once.
type renewal struct {
	after, least   time.Duration // as Config.RenegAfter and RenegLeast
	bytes, packets int64         // as Config.RenegBytes and RenegPackets
	interval       time.Duration // how often use is looked at

	at     time.Time // when to renew by age; zero: never
	looked time.Time // when use was last looked at
	begun  time.Time // when a renewal last began, however it ended
}

func newRenewal(cfg *Config) *renewal {
	r := new(renewal)
	r.take(cfg)
	return r
}

// take goes by a configuration.
func (r *renewal) take(cfg *Config) {
	r.after, r.least = cfg.RenegAfter, cfg.RenegLeast
	r.bytes, r.packets = cfg.RenegBytes, cfg.RenegPackets
	r.interval = cipherUsageInterval
	if r.bytes > 0 || r.packets > 0 || cfg.Limits != (seal.Limits{}) {
		r.interval = usageInterval
	}
}

// change goes by another configuration. The age at which the present keys are renewed
// moves by as much as the greatest age does.
func (r *renewal) change(now time.Time, cfg *Config) {
	before := r.after
	r.take(cfg)
	switch {
	case r.looked.IsZero() || r.after == before: // there are no keys yet
	case r.after == 0:
		r.at = time.Time{}
	case r.at.IsZero():
		r.at = now.Add(r.after)
	default:
		r.at = r.at.Add(r.after - before)
	}
}

// schedule sets the age at which keys that are new now are renewed.
func (r *renewal) schedule(now time.Time) {
	r.at, r.looked = time.Time{}, now
	if after := r.after; after > 0 {
		if r.least > 0 && r.least < after {
			after -= time.Duration(rand.Int64N(int64(after-r.least) + 1))
		}
		r.at = now.Add(after)
	}
}

// keysInUse are data keys that count their use.
type keysInUse interface {
	Usage() seal.Usage
	Due() bool // the limit of the cipher is near
}

// due reports whether keys are to be renewed.
func (r *renewal) due(now time.Time, keys keysInUse) bool {
	if !r.at.IsZero() && !now.Before(r.at) {
		return true
	}
	if now.Before(r.looksAt()) {
		return false
	}
	r.looked = now
	u := keys.Usage()
	return keys.Due() ||
		r.bytes > 0 && int64(u.SentBytes+u.ReceivedBytes) >= r.bytes ||
		r.packets > 0 && int64(u.Sent+u.Received) >= r.packets
}

// looksAt is when use is looked at again.
func (r *renewal) looksAt() time.Time { return r.looked.Add(r.interval) }

// allows reports whether the peer may have keys renewed that were installed at
// a time.
func (r *renewal) allows(now, installed time.Time) bool {
	return now.Sub(installed) >= minKeyAge && now.Sub(r.begun) >= minKeyAge
}

// hasten renews keys as soon as a peer may.
func (r *renewal) hasten(now time.Time) {
	r.at = now
	if soon := r.begun.Add(minKeyAge); soon.After(now) {
		r.at = soon
	}
}

// deadlines gives the times at which due may change its answer.
func (r *renewal) deadlines(by func(time.Time)) {
	by(r.at)
	by(r.looksAt())
}
