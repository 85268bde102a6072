package dashboard

import (
	"net/netip"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"culvert/access/signin"
)

// How long a sign-in may be under way, and how many may be.
const (
	stepTime      = 5 * time.Minute
	mostWaiting   = 2048
	mostOfNetwork = 16
)

// waiting is a sign-in under way: of a password or whom a provider named, by a passkey, or at
// the provider.
type waiting struct {
	visit   *signin.Visit
	name    string // that was given with the password, or by the provider
	by      string // one of the ways, of visit
	passkey *webauthn.SessionData
	trip    *trip
	from    netip.Prefix
	until   time.Time
}

// waitingRoom has the sign-ins that are under way. Make it with newWaitingRoom.
type waitingRoom struct {
	mu  sync.Mutex
	all map[hashed]*waiting
}

func newWaitingRoom() *waitingRoom { return &waitingRoom{all: map[hashed]*waiting{}} }

// put keeps a sign-in, and returns the token for it. Where there are too many of its network,
// or of all, the oldest of those goes.
func (r *waitingRoom) put(w *waiting, now time.Time) token {
	w.until = now.Add(stepTime)
	t := newToken()
	r.mu.Lock()
	defer r.mu.Unlock()
	var oldest, oldestNear hashed
	near := 0
	for key, other := range r.all {
		if !now.Before(other.until) {
			delete(r.all, key)
			continue
		}
		if first, some := r.all[oldest]; !some || other.until.Before(first.until) {
			oldest = key
		}
		if other.from == w.from {
			near++
			if first, some := r.all[oldestNear]; !some || other.until.Before(first.until) {
				oldestNear = key
			}
		}
	}
	switch {
	case near >= mostOfNetwork:
		delete(r.all, oldestNear)
	case len(r.all) >= mostWaiting:
		delete(r.all, oldest)
	}
	r.all[t.hash()] = w
	return t
}

// take returns the sign-in of a token, once; nil: there is none.
func (r *waitingRoom) take(t *token, now time.Time) *waiting {
	return r.takeIf(t, now, func(*waiting) bool { return true })
}

// takeIf is take, of a sign-in that is as it should be; another one stays.
func (r *waitingRoom) takeIf(t *token, now time.Time, should func(*waiting) bool) *waiting {
	if t == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := t.hash()
	w := r.all[key]
	if w == nil || now.Before(w.until) && !should(w) {
		return nil
	}
	delete(r.all, key)
	if !now.Before(w.until) {
		return nil
	}
	return w
}
