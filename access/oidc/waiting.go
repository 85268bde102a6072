package oidc

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/netip"
	"sync"
	"time"

	"culvert/access/auth"
)

// How many clients may wait at a time, all together and of one network, and how often the
// page of one may go on to the provider.
const (
	maxWaiting  = 4096
	maxOfSource = 64
	maxAttempts = 10
)

// waiting are the clients that wait for somebody to sign in. Make it with newWaiting.
type waiting struct {
	mu       sync.Mutex
	logins   map[string]*login   // by id
	attempts map[string]*attempt // by state
	sources  map[netip.Prefix]int
}

// login is a client that waits.
type login struct {
	id     string // in the address of its page
	login  auth.Login
	began  time.Time
	result chan result   // takes one
	over   chan struct{} // is closed when nobody waits any more

	// Of waiting.mu:
	attempt *attempt // that went on to the provider last; nil: none
	count   int      // of attempts
	done    bool     // there is a result
}

// result is how a login ends.
type result struct {
	person auth.Person
	err    error
	told   chan string // takes what the person reads; nil if err is there
}

// attempt is a browser that was sent on to the provider.
type attempt struct {
	Trip
	login   *login
	browser [sha256.Size]byte // of its cookie
}

func newWaiting() *waiting {
	return &waiting{logins: make(map[string]*login), attempts: make(map[string]*attempt), sources: make(map[netip.Prefix]int)}
}

// secret returns what nobody can guess: 43 characters.
func secret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// add adds a client. The caller ends it.
func (w *waiting) add(l auth.Login, now time.Time) (*login, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.logins) >= maxWaiting || w.sources[l.Request.Source] >= maxOfSource {
		return nil, errCrowded
	}
	id := secret()[:27] // 160 bits: the page's address is typed from one screen into another at times
	one := &login{id: id, login: l, began: now, result: make(chan result, 1), over: make(chan struct{})}
	w.logins[one.id] = one
	w.sources[l.Request.Source]++
	return one, nil
}

// end forgets a client.
func (w *waiting) end(l *login) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l.done = true
	delete(w.logins, l.id)
	if l.attempt != nil {
		delete(w.attempts, l.attempt.state)
	}
	if n := w.sources[l.login.Request.Source]; n > 1 {
		w.sources[l.login.Request.Source] = n - 1
	} else {
		delete(w.sources, l.login.Request.Source)
	}
	close(l.over)
}

// find returns the client of a page; nil: none waits there.
func (w *waiting) find(id string) *login {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l := w.logins[id]; l != nil && !l.done {
		return l
	}
	return nil
}

var errOften = errors.New("this page went on to the provider too often; connect again")

// begin notes that a browser goes on to the provider. What another one was to answer
// before is not taken any more.
func (w *waiting) begin(l *login, cookie, back string) (*attempt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case l.done:
		return nil, errGone
	case l.count >= maxAttempts:
		return nil, errOften
	}
	if l.attempt != nil {
		delete(w.attempts, l.attempt.state)
	}
	l.attempt = &attempt{Trip: newTrip(back), login: l, browser: sha256.Sum256([]byte(cookie))}
	l.count++
	w.attempts[l.attempt.state] = l.attempt
	return l.attempt, nil
}

// take returns what a state belongs to; nil for nothing. Each is taken once.
func (w *waiting) take(state string) *attempt {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.attempts[state]
	delete(w.attempts, state)
	if a == nil || a.login.done {
		return nil
	}
	a.login.attempt = nil
	return a
}

// isOf reports whether an attempt is that of the browser with a cookie.
func (a *attempt) isOf(cookie string) bool {
	sum := sha256.Sum256([]byte(cookie))
	return subtle.ConstantTimeCompare(sum[:], a.browser[:]) == 1
}

// finish gives a login its result. It reports whether it is the first.
func (w *waiting) finish(l *login, r result) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.done {
		return false
	}
	l.done = true
	l.result <- r
	return true
}
