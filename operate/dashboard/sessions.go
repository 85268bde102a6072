package dashboard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"culvert/operate/manage/api"
)

// How long a session lasts, and how many there may be.
const (
	idleTime     = 30 * time.Minute // without a request
	longestTime  = 12 * time.Hour
	mostSessions = 1024
	mostOfPerson = 16
)

// token is what a cookie holds: 256 random bits. What is kept is its hash.
type token [32]byte

func newToken() (t token) {
	rand.Read(t[:])
	return t
}

func (t token) String() string { return base64.RawURLEncoding.EncodeToString(t[:]) }

// parseToken reads what String wrote; ok is false for anything else.
func parseToken(text string) (t token, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(len(t)) {
		return t, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return t, err == nil && copy(t[:], b) == len(t)
}

// hashed is what is kept of a token.
type hashed [sha256.Size]byte

func (t token) hash() hashed { return sha256.Sum256(t[:]) }

// cookies are the names of a dashboard's, and how they are set.
type cookies struct {
	name, stepName string
	// awayName is that of the cookie by which a browser is known that comes back from a
	// provider: from another site, so that it is sent with what others have the browser open.
	awayName string
	secure   bool
}

// cookiesOf returns those of a dashboard at a URL. Without https, which only a dashboard on
// loopback is, each port has its own names: browsers send cookies to all ports of a host.
func cookiesOf(at *url.URL) cookies {
	if at.Scheme == "https" {
		return cookies{"__Host-culvert", "__Host-culvert-step", "__Host-culvert-away", true}
	}
	_, port, _ := net.SplitHostPort(at.Host)
	return cookies{"culvert-" + port, "culvert-step-" + port, "culvert-away-" + port, false}
}

func (c cookies) set(w http.ResponseWriter, name, value string) {
	c.send(w, &http.Cookie{Name: name, Value: value, SameSite: http.SameSiteStrictMode})
}

// setAway is set, of the cookie for who comes back from a provider.
func (c cookies) setAway(w http.ResponseWriter, value string) {
	c.send(w, &http.Cookie{Name: c.awayName, Value: value, SameSite: http.SameSiteLaxMode, MaxAge: int(stepTime.Seconds())})
}

func (c cookies) send(w http.ResponseWriter, k *http.Cookie) {
	k.Path, k.Secure, k.HttpOnly = "/", c.secure, true
	if k.Value == "" {
		k.MaxAge = -1
	}
	http.SetCookie(w, k)
}

// session returns the token of a request's session; nil: it has none.
func (c cookies) session(r *http.Request) *token { return tokenIn(r, c.name) }

// step is session, of a sign-in that is under way.
func (c cookies) step(r *http.Request) *token { return tokenIn(r, c.stepName) }

// away is session, of who comes back from a provider.
func (c cookies) away(r *http.Request) *token { return tokenIn(r, c.awayName) }

func tokenIn(r *http.Request, name string) *token {
	k, err := r.Cookie(name)
	if err != nil {
		return nil
	}
	if t, ok := parseToken(k.Value); ok {
		return &t
	}
	return nil
}

// stay is somebody who is signed in. Its fields do not change, but for used and
// enrolling, which the lock of sessions guards.
type stay struct {
	who   person
	scope api.Scope
	until time.Time
	ended context.Context
	end   context.CancelFunc

	used      time.Time
	enrolling *webauthn.SessionData // a passkey that is being enrolled; nil: none
}

// sessions are all of a dashboard's. Make it with newSessions.
type sessions struct {
	standing func(person) (api.Scope, error) // what somebody may do now
	mu       sync.Mutex
	all      map[hashed]*stay
}

func newSessions(standing func(person) (api.Scope, error)) *sessions {
	return &sessions{standing: standing, all: map[hashed]*stay{}}
}

// begin has somebody be signed in, and returns the token of their cookie.
func (s *sessions) begin(who person, scope api.Scope, now time.Time) (token, *stay) {
	n := &stay{who: who, scope: scope, until: now.Add(longestTime), used: now}
	n.ended, n.end = context.WithCancel(context.Background())
	t := newToken()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(who)
	s.all[t.hash()] = n
	return t, n
}

// makeRoom ends the session that was used least of somebody who has too many, or of all.
// The caller holds mu.
func (s *sessions) makeRoom(who person) {
	var oldest, oldestOwn hashed
	own := 0
	for key, n := range s.all {
		if first, some := s.all[oldest]; !some || n.used.Before(first.used) {
			oldest = key
		}
		if n.who.name != who.name {
			continue
		}
		own++
		if first, some := s.all[oldestOwn]; !some || n.used.Before(first.used) {
			oldestOwn = key
		}
	}
	switch {
	case own >= mostOfPerson:
		s.drop(oldestOwn)
	case len(s.all) >= mostSessions:
		s.drop(oldest)
	}
}

// drop ends a session, if there is one. The caller holds mu.
func (s *sessions) drop(key hashed) {
	if n := s.all[key]; n != nil {
		n.end()
		delete(s.all, key)
	}
}

// get returns the session of a token that goes on, and notes that it is used; nil: there is
// none.
func (s *sessions) get(t *token, now time.Time) *stay {
	if t == nil {
		return nil
	}
	key := t.hash()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.all[key]
	if n == nil {
		return nil
	}
	if !s.lasts(n, now) {
		s.drop(key)
		return nil
	}
	n.used = now
	return n
}

// lasts reports whether a session goes on: it is used, and who is signed in may still do
// what they could when they signed in.
func (s *sessions) lasts(n *stay, now time.Time) bool {
	if !now.Before(n.until) || now.Sub(n.used) >= idleTime {
		return false
	}
	scope, err := s.standing(n.who)
	return err == nil && scope == n.scope
}

// remove ends the session of a token, and returns whose it was; ok is false if there is none.
func (s *sessions) remove(t *token) (who person, ok bool) {
	if t == nil {
		return who, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := t.hash()
	if n := s.all[key]; n != nil {
		who, ok = n.who, true
	}
	s.drop(key)
	return who, ok
}

// review ends the sessions that do not go on.
func (s *sessions) review(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, n := range s.all {
		if !s.lasts(n, now) {
			s.drop(key)
		}
	}
}

// close ends all.
func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.all {
		s.drop(key)
	}
}

// setEnrolling keeps what a passkey that is being enrolled has to fit; takeEnrolling returns
// it once.
func (s *sessions) setEnrolling(n *stay, data *webauthn.SessionData) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.enrolling = data
}

func (s *sessions) takeEnrolling(n *stay) *webauthn.SessionData {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := n.enrolling
	n.enrolling = nil
	return data
}
