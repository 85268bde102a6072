package session

import (
	"time"

	"culvert/session/negotiate"
)

// login is what a client tells the server of who it is, beside its certificate.
type login struct {
	username, password string
	forgets            bool   // Config.ForgetLogin
	hasToken           bool   // password is a token
	sentUsername       string // the last one
}

// forgotten reports whether the password is to be asked for again.
func (l *login) forgotten() bool { return l.forgets && l.password == "" }

// use returns what to send. A password is forgotten then where that is asked
// for, but not a token, which is there to be sent again.
func (l *login) use() (username, password string) {
	username, password = l.username, l.password
	l.sentUsername = username
	if l.forgets && !l.hasToken {
		l.username, l.password = "", ""
	}
	return username, password
}

// takeToken looks for auth-token and auth-token-user among pushed options, to
// send them from now on. It reports false where there is no token.
func (l *login) takeToken(options []string) (Token, bool) {
	token, username := negotiate.ParseToken(options)
	if token == "" {
		return Token{}, false
	}
	l.hasToken, l.password = true, token
	if username != "" {
		l.username = username
	} else if l.username == "" {
		l.username = l.sentUsername
	}
	return Token{Username: l.username, Token: token}, true
}

// maxPending bounds a pending login where keys are never renewed by time.
const maxPending = 30 * time.Minute

// boundPending is the longest that a pending login may take: half the life of
// a key, and HandWindow at least.
func (c *Config) boundPending(timeout time.Duration) time.Duration {
	most := maxPending
	if c.RenegAfter > 0 {
		most = c.RenegAfter / 2
	}
	return min(timeout, max(most, c.HandWindow))
}
