package client

import (
	"errors"
	"fmt"

	"culvert/host/process"
	"culvert/role/profile/reach"
)

// credentials are a user name and password, or a token in its place.
type credentials struct{ username, password string }

// unasked returns what a handshake with a server is to be tried with, one after the other,
// without a question to the user. It fails with errAsks where there would have to be one.
func (l *login) unasked(t reach.Target) ([]credentials, error) {
	l.asking.Lock()
	defer l.asking.Unlock()
	return l.known(t)
}

// known is unasked, for who has asking. The token comes first, except at a server that has
// not given it, and may not know it, where the password is good again and again.
func (l *login) known(t reach.Target) ([]credentials, error) {
	given, err := l.unaskedPassword()
	if err != nil && !errors.Is(err, errAsks) {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	token := credentials{l.tokenUser, l.token}
	switch {
	case token.password == "" && err != nil:
		return nil, err
	case token.password == "":
		return []credentials{given}, nil
	case err != nil:
		return []credentials{token}, nil
	case l.typed || l.tokenFrom.Same(t):
		return []credentials{token, given}, nil
	}
	return []credentials{given, token}, nil
}

// unaskedPassword returns the user name and password that need no question; empty ones where
// none are wanted.
func (l *login) unaskedPassword() (c credentials, err error) {
	f := l.cfg.Login.UserPass
	if f == nil {
		return c, nil
	}
	l.mu.Lock()
	challenged, askAnew := l.challenge != nil, l.askAnew
	l.mu.Unlock()
	if challenged || askAnew || l.cfg.Login.StaticChallenge != nil {
		return c, errAsks
	}
	c.username, c.password = l.given()
	if c.username == "" && (f.Inline || f.Name != "") {
		again := *f
		if again.Text == nil {
			if again.Text, err = process.ReadFile(l.cfg.Path(f.Name)); err != nil {
				return c, fmt.Errorf("auth-user-pass: %w", err)
			}
		}
		c.username, c.password = again.TwoLines()
	}
	if l.cfg.Login.UsernameOnly {
		c.password = blank
	}
	if c.username == "" || c.password == "" {
		return c, errAsks
	}
	return c, nil
}

// refusedBy notes that a server refused credentials, of which others are left to be tried: a
// token that it gave itself is over.
func (l *login) refusedBy(t reach.Target, c credentials) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.password == l.token && l.tokenFrom.Same(t) {
		l.tokenUser, l.token = "", ""
	}
}
