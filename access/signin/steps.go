package signin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"culvert/access/auth"
	"culvert/access/onetime"
	"culvert/access/users"
)

// question is what a client is asked in the middle of signing in.
type question struct {
	text string
	echo bool
}

// maxCodes is how many wrong codes are forgiven after a right password.
const maxCodes = 3

// run takes a client through its way. A question goes to the client, which answers it on
// the same connection, or on another one: then the error is a refusal that asks.
func (c *Checker) run(ctx context.Context, l *login, pend func(auth.Pending)) error {
	for {
		q, err := c.step(ctx, l, pend)
		if err != nil || q == nil {
			return err
		}
		answer, err := c.ask(ctx, l, *q, pend)
		if err != nil {
			return err
		}
		l.answered(answer)
	}
}

// answered takes the answer to the last question.
func (l *login) answered(answer string) {
	if l.state != nil || l.asked {
		l.password, l.asked = answer, false
	} else {
		l.code = answer
	}
}

// step goes on as far as it can without a question to the client. nil: it is through.
func (c *Checker) step(ctx context.Context, l *login, pend func(auth.Pending)) (q *question, err error) {
	for q == nil && err == nil {
		switch {
		case l.needs(users.Browser):
			err = c.browse(ctx, l, pend)
		case l.needs(users.Password):
			q, err = c.checkPassword(ctx, l)
		case l.needs(users.Code):
			q, err = c.checkCode(ctx, l)
		default:
			return nil, nil
		}
	}
	return q, err
}

// needs reports whether the client has not shown a factor that its way has.
func (l *login) needs(f users.Factor) bool { return l.way.Has(f) && !l.done.Has(f) }

// checkPassword asks the sources.
func (c *Checker) checkPassword(ctx context.Context, l *login) (*question, error) {
	if l.back && l.state == nil && l.password == "" {
		l.asked = true
		return &question{text: fmt.Sprintf("The password that this server keeps for %s", l.name)}, nil
	}
	at := c.from(ctx, l, c.o.Now())
	if err := c.mayGuess(l, at); err != nil {
		return nil, err
	}
	if l.state == nil {
		l.cutCode(c.o.Now())
	}
	p, err := c.asked(ctx, l)
	var challenge *auth.Challenge
	switch {
	case err == nil:
		c.guard.right(c.o.Now(), at)
		l.state, l.password, l.origin, l.done = nil, "", l.source.Name(), append(l.done, users.Password)
		return nil, c.become(ctx, l, p)
	case errors.As(err, &challenge):
		c.guard.right(c.o.Now(), at)
		l.state = challenge.State
		if l.state == nil {
			l.state = []byte{}
		}
		return &question{challenge.Text, challenge.Echo}, nil
	case errors.Is(err, auth.ErrUnknownUser):
		return nil, &refusal{wrong, c.unknown(l)}
	case errors.Is(err, auth.ErrWrongPassword):
		return nil, &refusal{wrong, fmt.Errorf("the password of %s is wrong (%s)", l.name, l.source.Name())}
	case errors.As(err, new(*auth.RefusedError)):
		return nil, err
	}
	c.guard.right(c.o.Now(), at) // nothing was guessed
	return nil, err
}

// mayGuess fails if the client has to wait before it may guess.
func (c *Checker) mayGuess(l *login, at from) error {
	wait := c.guard.guess(c.o.Now(), at)
	if wait == 0 {
		return nil
	}
	wait = (wait + time.Second - 1).Truncate(time.Second)
	told := fmt.Sprintf("too many wrong passwords or codes; try again in %v", wait)
	if takesTemp(l.request) {
		told = fmt.Sprintf("TEMP[backoff %d,advance no]:%s", int(wait.Seconds()), told)
	}
	return &refusal{told: told, cause: errors.New("slowed down after wrong passwords or codes")}
}

// cutCode takes a code off the end of the password, if it is that of the user now, or one of
// the user's recovery codes: clients without a field for it have it there.
func (l *login) cutCode(now time.Time) {
	u, n := l.standing.User, len(l.password)-onetime.Digits
	if !l.way.Has(users.Code) || l.code != "" || u == nil || u.TOTP == nil || n < 0 {
		return
	}
	if _, ok := onetime.Verify(u.TOTP.Secret, l.password[n:], 0, now); ok {
		l.password, l.code = l.password[:n], l.password[n:]
		return
	}
	l.password, l.code, _ = onetime.CutRecovery(u.Recovery, l.password)
}

// asked asks the sources in order, or the one that asked a question.
func (c *Checker) asked(ctx context.Context, l *login) (auth.Person, error) {
	q := auth.Login{Username: l.name, Password: l.password, State: l.state, Request: l.request}
	if !l.way.Has(users.Code) { // else it is for checkCode
		q.Code = l.code
	}
	if l.state != nil {
		return l.source.Check(ctx, q)
	}
	for _, s := range c.sources {
		if s.Name() != sourceLocal && !mayAsk(l.standing.Device != nil, l.standing.User, s.Name()) { // the local one takes its time, and knows nobody
			continue
		}
		l.source = s
		p, err := s.Check(ctx, q)
		if !errors.Is(err, auth.ErrUnknownUser) {
			return p, err
		}
	}
	return auth.Person{}, auth.ErrUnknownUser
}

// become takes who a source says that the client's user is, and what the groups of that
// user require besides.
func (c *Checker) become(ctx context.Context, l *login, p auth.Person) error {
	if err := users.CheckName(p.Name); err != nil {
		return &refusal{told: "this user name cannot be used here", cause: err}
	}
	switch d, given := l.standing.Device, l.request.Username; {
	case given != "" && given != p.Name: // tokens are for the name that was given
		return &refusal{fmt.Sprintf("give %s as your user name here", p.Name), fmt.Errorf("%.80q signed in as %s", given, p.Name)}
	case d != nil && d.User != p.Name:
		return refuse("this profile is that of another user")
	case l.person.Name != "" && l.person.Name != p.Name:
		return &refusal{wrong, errors.New("the browser and the password are of different users")}
	}
	l.person = p
	if err := c.keep(ctx, l); err != nil {
		return err
	}
	if l.kept == nil {
		return errRemoved
	}
	v := c.o.Directory.View()
	l.standing = v.Standing(l.request.CommonName, p.Name)
	l.standing.User, l.standing.Groups = l.kept, v.GroupsOf(l.kept) // the directory may not have seen it yet
	if l.stamp == nil {
		l.stamp = stampOf(l.kept)
	}
	l.name = p.Name
	s := c.shown(l)
	s.password = s.password || l.done.Has(users.Password)
	ways := l.ways(l.standing.Groups, l.standing.User)
	way, why := choose(ways, s)
	if l.back {
		way, why = chosenBack(ways, l.standing.User)
	}
	if way == nil {
		return refuse(why)
	}
	l.way = way
	return l.standing.Barred(c.o.Now())
}

// checkCode checks the client's code, or asks for one, or has the user enrol.
func (c *Checker) checkCode(ctx context.Context, l *login) (*question, error) {
	u := l.standing.User
	if u == nil {
		return nil, &refusal{told: wrong}
	}
	if !enrolled(u) && l.enrolling == nil {
		return c.enrol(ctx, l)
	}
	if l.code == "" && !l.way.Has(users.Password) && l.password != "" {
		l.code, l.password = l.password, "" // nothing else is asked for
	}
	if l.code == "" {
		return &question{text: "Code of your authenticator app"}, nil
	}
	at := c.from(ctx, l, c.o.Now())
	if err := c.mayGuess(l, at); err != nil {
		return nil, err
	}
	code := l.code
	l.code = ""
	err := c.take(ctx, l, code)
	switch {
	case err == nil:
		c.guard.right(c.o.Now(), at)
		l.done = append(l.done, users.Code)
		return nil, nil
	case !errors.Is(err, errWrongCode):
		c.guard.right(c.o.Now(), at)
		return nil, err
	}
	if l.codes++; l.codes >= maxCodes {
		return nil, &refusal{"wrong code", fmt.Errorf("%s: %w", l.name, err)}
	}
	return &question{text: "Wrong code, or used before. The next code of your authenticator app"}, nil
}

// errRemoved refuses the client of a user who is gone meanwhile.
var errRemoved = &refusal{wrong, errors.New("there is no such user any more")}

// changedMeanwhile is what a client is told whose user was changed, or has to show more, since
// it began to sign in.
const changedMeanwhile = "your account was changed a moment ago; sign in again"

// enter lets a client in that has shown all, if its user may still come in, and returns that
// user.
func (c *Checker) enter(ctx context.Context, l *login) (*users.User, error) {
	v := c.o.Directory.View()
	s := v.Standing(l.request.CommonName, l.name)
	if s.User == nil && l.kept != nil { // the directory has not seen it yet
		s.User, s.Groups = l.kept, v.GroupsOf(l.kept)
	}
	if s.User == nil {
		return nil, errRemoved
	}
	if l.kept != nil && l.kept.Gone == "" {
		s.User = present(s.User) // as the source has just said
	}
	if err := s.Barred(c.o.Now()); err != nil {
		return nil, err
	}
	switch {
	case !bytes.Equal(l.stamp, stampOf(s.User)):
		return nil, &refusal{changedMeanwhile, errors.New("the password or the app for codes was changed while the client signed in")}
	case !met(l.ways(s.Groups, s.User), s, l.done):
		return nil, &refusal{changedMeanwhile, errors.New("more is required than the client was asked for when it began to sign in")}
	}
	if l.borrowed && !l.done.Has(users.Password) {
		return nil, &refusal{taken, notTheirs(s.User, sourceBrowser)}
	}
	if len(l.done) == 0 {
		return s.User, nil
	}
	c.guard.forgive(c.from(ctx, l, c.o.Now()))
	if err := notePlace(ctx, c.o.Store, s.User.Name, l.request.Source, c.o.Now()); err != nil {
		c.o.Log.Warn("where a user signs in from cannot be noted: from there they may be slowed down by others' wrong passwords", "user", l.name, "error", err)
	}
	return s.User, nil
}
