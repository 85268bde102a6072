package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"culvert/config"
	"culvert/host/process"
	"culvert/internal/printable"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/session/negotiate"
)

// login is what a client tells servers about its user, from one connection to the
// next. It is safe for concurrent use.
type login struct {
	cfg   *config.Config
	ask   profile.Ask
	asker profile.Asker // in the place of ask; nil: none

	// asking is held while a user is asked. What follows mu is never held for so
	// long.
	asking sync.Mutex
	begun  bool // ready is done

	mu                 sync.Mutex
	retry              config.AuthRetry
	askAnew            bool         // the asker is asked, whatever the file says
	answered           bool         // the password holds the answer to the static challenge
	username, password string       // as given; "" while not known
	typed              bool         // the password was asked for, and may be good once
	tokenUser, token   string       // from the server, in their place
	tokenFrom          reach.Target // which server that was
	said               string       // the user name given to the server last
	challenge          *negotiate.Challenge
}

// blank is the password where none is asked for (manual, auth-user-pass
// username-only).
const blank = "[[BLANK]]"

// newLogin makes a login. It fails if user name and password cannot be had when
// they are needed.
func newLogin(c *config.Config, ask profile.Ask, asker profile.Asker) (*login, error) {
	l := &login{cfg: c, ask: ask, asker: asker, retry: c.Login.Retry}
	f := c.Login.UserPass
	if f == nil {
		return l, nil
	}
	l.username, l.password = f.TwoLines()
	if c.Login.NoCache && f.Name != "" {
		f.Text = nil
	}
	if asker != nil {
		return l, nil
	}
	if ask == nil && (l.username == "" || l.password == "") {
		return nil, fmt.Errorf("%v: auth-user-pass: no user name and password in it, and nobody to ask; put them on two lines of a file, and name that", f.Pos)
	}
	if ask == nil && c.Login.StaticChallenge != nil {
		return nil, fmt.Errorf("%v: auth-user-pass: static-challenge asks for a code, and there is nobody to ask", f.Pos)
	}
	return l, nil
}

// next returns the user name and password for the next handshake with a server: the answer
// to a challenge, a token, what was given, or what the user answers now.
func (l *login) next(ctx context.Context, t reach.Target) (username, password string, err error) {
	l.asking.Lock()
	defer l.asking.Unlock()
	username, password, err = l.find(ctx, t)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = username
	return username, password, err
}

func (l *login) find(ctx context.Context, t reach.Target) (username, password string, err error) {
	l.mu.Lock()
	c, token := l.challenge, l.token
	l.challenge = nil
	l.mu.Unlock()
	list, _ := l.known(t) // what is wrong, complete says
	switch {
	case c != nil:
		answer, err := l.answer(ctx, c.Text, c.Answer, c.Echo)
		return c.Username, c.Password(answer), err
	case token != "" && len(list) > 0 && list[0].password == token:
		return list[0].username, token, nil
	case l.cfg.Login.UserPass == nil:
		return "", "", nil
	}
	if err := l.complete(ctx); err != nil {
		return "", "", err
	}
	username, password = l.given()
	if l.cfg.Login.NoCache {
		l.set("", "")
	}
	s := l.cfg.Login.StaticChallenge
	switch {
	case s == nil:
		return username, password, nil
	case l.asker != nil: // the password holds the answer, which is good once
		l.set("", "")
		return username, password, nil
	}
	answer, err := l.answer(ctx, s.Text, true, s.Echo)
	if s.Concat {
		return username, password + answer, err
	}
	return username, negotiate.StaticResponse(password, answer), err
}

func (l *login) given() (username, password string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.username, l.password
}

func (l *login) set(username, password string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.username, l.password, l.askAnew, l.answered = username, password, false, false
}

func (l *login) state() (askAnew, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.askAnew, l.answered
}

// complete finds a missing user name or password: in the file again, if they were
// forgotten, or by asking.
func (l *login) complete(ctx context.Context) (err error) {
	username, password := l.given()
	askAnew, answered := l.state()
	if answered {
		return nil
	}
	f := l.cfg.Login.UserPass
	if username == "" && !askAnew && (f.Inline || f.Name != "") {
		again := *f
		if again.Text == nil {
			if again.Text, err = process.ReadFile(l.cfg.Path(f.Name)); err != nil {
				return fmt.Errorf("auth-user-pass: %w", err)
			}
		}
		username, password = again.TwoLines()
	}
	read := password
	if l.asker != nil {
		username, password, err = l.askAll(ctx, username, password)
	} else {
		username, password, err = l.askEach(ctx, username, password)
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.username, l.password, l.askAnew, l.typed = username, password, false, l.typed || password != read
	l.answered = l.asker != nil && l.cfg.Login.StaticChallenge != nil
	return nil
}

// askAll has the asker asked for all, if anything is missing. The answer to a static
// challenge always is.
func (l *login) askAll(ctx context.Context, username, password string) (string, string, error) {
	c := l.cfg.Login
	if username != "" && (password != "" || c.UsernameOnly) && c.StaticChallenge == nil {
		return username, password, nil
	}
	a, err := l.asker.Ask(ctx, profile.Question{Realm: profile.RealmLogin, Username: true, Password: !c.UsernameOnly, Challenge: c.StaticChallenge})
	if c.UsernameOnly {
		a.Password = blank
	}
	return a.Username, a.Password, err
}

// ready asks for what the first connection needs, before it is known where to: OpenVPN
// asks for that first.
func (l *login) ready(ctx context.Context) error {
	l.asking.Lock()
	defer l.asking.Unlock()
	if l.begun || l.asker == nil || l.cfg.Login.UserPass == nil {
		return nil
	}
	err := l.complete(ctx)
	l.begun = err == nil
	return err
}

// forget forgets what was asked for and given by servers.
func (l *login) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.username, l.password, l.tokenUser, l.token, l.challenge, l.answered = "", "", "", "", nil, false
}

// retrying returns what to do when a login is refused, and sets it with a value.
func (l *login) retrying(set *config.AuthRetry) config.AuthRetry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if set != nil {
		l.retry = *set
	}
	return l.retry
}

// askEach asks the user at the terminal for what is missing.
func (l *login) askEach(ctx context.Context, username, password string) (string, string, error) {
	var err error
	if username == "" {
		if username, err = l.answer(ctx, "User name:", true, true); err != nil {
			return "", "", err
		}
	}
	if l.cfg.Login.UsernameOnly {
		password = blank
	}
	if password == "" {
		password, err = l.answer(ctx, "Password for "+printable.Name(username)+":", true, false)
	}
	return username, password, err
}

// answer asks the user, where an answer is wanted. It returns early when ctx
// ends.
func (l *login) answer(ctx context.Context, question string, wanted, echo bool) (string, error) {
	if !wanted {
		return "", nil
	}
	if l.ask == nil {
		return "", fmt.Errorf("%w: the server asks: %s", profile.ErrNobody, question)
	}
	type reply struct {
		text string
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		text, err := l.ask(question+" ", echo)
		replies <- reply{text, err}
	}()
	select {
	case r := <-replies:
		return r.text, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// setToken keeps what a server gave in place of the password.
func (l *login) setToken(from reach.Target, t session.Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokenUser, l.token, l.tokenFrom = t.Username, t.Token, from
}

// refused reports whether to try again after the server refused a login. same
// reports that the next try sends the same user name and password.
func (l *login) refused(e *session.AuthFailedError, established bool) (again, same bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hadToken := l.token != ""
	l.tokenUser, l.token = "", ""
	if l.asker != nil {
		l.asker.Refused(profile.RealmLogin, e.Reason)
	}
	switch {
	case negotiate.IsChallenge(e.Reason):
		again, err = l.challenged(e.Reason)
		return again, false, err
	case hadToken || e.SessionOver && established:
		return true, false, nil
	case l.retry == config.AuthRetryInteract:
		l.username, l.password, l.askAnew = "", "", l.asker != nil
		return true, false, nil
	case l.retry == config.AuthRetryNoInteract:
		l.readAgain()
		return true, true, nil
	}
	return false, false, nil
}

// readAgain reads the file again: somebody may have corrected it.
func (l *login) readAgain() {
	f := l.cfg.Login.UserPass
	if f == nil || f.Name == "" || f.Inline {
		return
	}
	text, err := process.ReadFile(l.cfg.Path(f.Name))
	if err != nil {
		return
	}
	if username, password := (&config.File{Text: text}).TwoLines(); username != "" && password != "" {
		l.username, l.password, l.typed = username, password, false
	}
}

func (l *login) challenged(reason string) (again bool, err error) {
	switch {
	case l.asker != nil && l.retry == config.AuthRetryInteract:
		l.username, l.password, l.askAnew = "", "", true
		return true, nil // the next answer is to the challenge, too
	case l.retry != config.AuthRetryInteract || l.ask == nil:
		return false, errors.New("the server asks for a code to go with the password: add the line `auth-retry interact`, and start this where it can ask")
	}
	l.challenge, err = negotiate.ParseChallenge(reason)
	return err == nil, err
}

// loginNeeded gives the session the user name and password that it forgot.
func (a *attempt) loginNeeded(ctx context.Context) {
	username, password, err := a.login.next(ctx, a.target)
	if err != nil {
		a.emit(event.LoginFailed{Text: "no user name and password to renew the keys with", Err: err})
		return
	}
	a.peer.Do(func(time.Time) { a.peer.Session.Login(username, password) })
}

// infoPre shows users what they have to do before the server lets them in.
func (a *attempt) infoPre(ctx context.Context, i session.InfoPre) {
	a.emit(event.LoginAsked{URL: i.URL, Question: i.Challenge, Answer: i.Answer, Text: i.Text})
	if a.opts.Tell != nil {
		a.opts.Tell.Info(i.Text)
	}
	if a.login.asker != nil {
		return // who is told answers by Controls.Respond
	}
	if i.URL != "" || i.Challenge == "" || !i.Answer {
		return
	}
	answer, err := a.login.answer(ctx, i.Challenge, true, i.Echo)
	if err != nil {
		a.emit(event.LoginFailed{Text: "the server's question is not answered", Err: err})
		return
	}
	a.peer.Do(func(time.Time) { a.peer.Session.Answer(answer) })
}
