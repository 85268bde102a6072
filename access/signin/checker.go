package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"culvert/access/auth"
	"culvert/access/users"
	"culvert/internal/printable"
	"culvert/store"
)

// Records are the users' records, as users.Book changes them.
type Records interface {
	AddUser(ctx context.Context, u users.User) error
	ChangeUser(ctx context.Context, name string, f func(*users.User) error) error
}

// Options are what a Checker needs.
type Options struct {
	Store     store.Store
	Records   Records
	Directory *users.Directory // follows Store
	// Sources are asked about passwords, in order: the first that knows a user decides.
	Sources []auth.Source
	// Browser is where people sign in by a page; nil: nowhere.
	Browser auth.Browsing
	// Issuer names the server in authenticator apps.
	Issuer string
	Log    *slog.Logger
	Rand   io.Reader        // nil: crypto/rand's
	Now    func() time.Time // nil: time.Now
}

// Checker asks clients for what their users' groups require. Make it with New. It is safe
// for concurrent use.
type Checker struct {
	o       Options
	sources []*bounded
	guard   *guard
	waiting *waiting
}

// New returns a Checker.
func New(o Options) *Checker {
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	c := &Checker{o: o, guard: newGuard(), waiting: newWaiting()}
	for _, s := range o.Sources {
		c.sources = append(c.sources, newBounded(s))
	}
	c.recall()
	return c
}

// inForce reports whether anybody has to sign in: there are users, or a directory that
// knows some, or everybody has to, whoever there is.
func (c *Checker) inForce(v *users.View) bool {
	return v.Known() || c.everyoneHasTo(v)
}

// elsewhere reports whether a directory knows users, too.
func (c *Checker) elsewhere() bool {
	return c.o.Browser != nil || slices.ContainsFunc(c.o.Sources, func(s auth.Source) bool { return s.Name() != sourceLocal })
}

// everyoneHasTo reports whether nobody comes in without a user: the group of all requires
// something, or a directory is to be asked.
func (c *Checker) everyoneHasTo(v *users.View) bool {
	g := v.Group(users.Everyone)
	return c.elsewhere() || g != nil && len(g.Require) > 0
}

// Check implements auth.Checker.
func (c *Checker) Check(ctx context.Context, r *auth.Request, pend func(auth.Pending)) auth.Verdict {
	v := c.o.Directory.View()
	standing := v.Standing(r.CommonName, r.Username)
	if r.Device && standing.Device == nil { // else whoever was disabled would come in when records are lost
		return c.verdict(r, &refusal{"this device is not known here any more; ask for another profile", errUnknownDevice})
	}
	if !c.inForce(v) {
		return auth.Verdict{OK: true}
	}
	switch {
	case r.Token != nil:
		return c.again(standing, r)
	case standing.Device == nil && r.Username == "" && r.CommonName != "" && !c.everyoneHasTo(v):
		return auth.Verdict{OK: true} // a client without a user: culvert client add
	}
	l, err := c.begin(ctx, v, standing, r)
	if err == nil {
		err = c.run(ctx, l, pend)
	}
	var u *users.User
	if err == nil {
		u, err = c.enter(ctx, l)
	}
	if err != nil {
		return c.verdict(r, err)
	}
	return auth.Verdict{OK: true, User: u.Name, Remember: len(l.done) > 0, Note: noteOf(l.done, u), Lines: l.person.Lines}
}

var errUnknownDevice = errors.New("the certificate is one of a user's device, and there is no record of that device: it was removed, or the store is not the one it was added to")

// refusal is why a client may not come in.
type refusal struct {
	told  string // for the client
	cause error  // for this side's log; nil: there is no more to say
}

func (r *refusal) Error() string { return r.told }

// wrong is what a client is told of a wrong user name, password or code: not which.
const wrong = "wrong user name or password"

func refuse(told string) error { return &refusal{told: told} }

// verdict returns the verdict of an error, and has the log say why a user is refused.
func (c *Checker) verdict(r *auth.Request, err error) auth.Verdict {
	if because := causeOf(err); because != "" {
		c.o.Log.Info("a user is not signed in", "user", printable.Name(r.Username), "because", printable.Line(because))
	}
	return verdictOf(err)
}

// causeOf is why a user is refused, for this side's log; "" if what the client is told says all.
func causeOf(err error) string {
	var no *refusal
	var known *auth.RefusedError
	switch {
	case errors.As(err, &no):
		if no.cause != nil && no.cause != errAsked {
			return no.cause.Error()
		}
	case errors.As(err, &known):
		return known.Reason
	}
	return ""
}

// verdictOf returns the verdict of an error; none for nil. Only what kept a login from being
// checked is an error of the verdict.
func verdictOf(err error) auth.Verdict {
	var no *refusal
	var known *auth.RefusedError
	var barred *users.Barred
	switch {
	case err == nil:
		return auth.Verdict{}
	case errors.As(err, &no):
		return auth.Verdict{Reason: no.told}
	case errors.As(err, &known):
		return auth.Verdict{Reason: printable.Value(known.Told)}
	case errors.As(err, &barred):
		return auth.Verdict{Reason: barred.Reason}
	}
	return auth.Verdict{Reason: "signing in does not work at the moment; try again later", Err: err}
}

// again judges a client that shows a token for a login of before: the user and device as
// they are now.
func (c *Checker) again(s users.Standing, r *auth.Request) auth.Verdict {
	u := s.User
	switch {
	case u == nil:
		return c.verdict(r, &refusal{expired, errors.New("the user was removed since the login")})
	case s.Device == nil && r.Username == "":
		return auth.Verdict{Reason: expired}
	case s.Barred(c.o.Now()) != nil:
		return c.verdict(r, s.Barred(c.o.Now()))
	}
	switch done, ok := parseNote(r.Token.Note, u); {
	case !ok:
		return c.verdict(r, &refusal{expired, errors.New("since the login the password or the app for codes was changed, or the user was removed and another one of that name added")})
	case !meets(s, done):
		return c.verdict(r, &refusal{expired, errors.New("more is required than was shown at the login")})
	}
	return auth.Verdict{OK: true, User: u.Name, Remember: true, Note: r.Token.Note, Lines: u.Lines}
}

// expired has a client ask its user anew.
const expired = "SESSION:the login has expired"

// login is a client that signs in.
type login struct {
	request  *auth.Request
	standing users.Standing // when it began
	name     string         // of the user, here; as the client gave it before anybody checked it
	way      users.Way      // that it goes
	done     users.Way      // what it has shown of it, besides the certificate

	password string      // what is to be checked next; as the client gave it
	code     string      // given with the password; "": none
	state    []byte      // of the source's question that password answers; nil: none
	source   *bounded    // that was asked last
	origin   string      // the name of the source that person is from
	person   auth.Person // once the password was right

	kept      *users.User // as the store has it since the password was right
	stamp     []byte      // of the user's record when the client began; nil: there was none
	borrowed  bool        // somebody at a page was taken for a user of this server, who has to give the password of here, too
	enrolling []byte      // the secret that the client was shown; nil: none
	codes     int         // wrong codes since the password was right
	page      bool        // there is no client, but a page of the server's own (Visit)
	back      bool        // they came there from the provider (VisitFrom)
	asked     bool        // the question is for the password that is kept here
}

// begin returns the login of a client, or why it is refused at once.
func (c *Checker) begin(ctx context.Context, v *users.View, s users.Standing, r *auth.Request) (*login, error) {
	if l, err := c.waiting.take(r, c.o.Now()); l != nil || err != nil {
		return l, err
	}
	l := &login{request: r, standing: s, name: r.Username}
	l.password, l.code = split(r.Password)
	if d := s.Device; d != nil {
		switch {
		case strings.EqualFold(d.User, l.name) && d.User != l.name: // what is known of the client goes by the name that it gives
			return nil, refuse(fmt.Sprintf("give %s as your user name here", d.User))
		case l.name != "" && d.User != l.name:
			return nil, &refusal{told: "this profile is that of another user", cause: s.Barred(c.o.Now())}
		}
		l.name = d.User
		l.standing = v.Standing(r.CommonName, l.name)
		if err := mayTry(l).Barred(c.o.Now()); err != nil {
			return nil, err
		}
	}
	if u := l.standing.User; u != nil {
		l.stamp = stampOf(u)
	}
	return l, c.chooseWay(v, l)
}

// chooseWay decides what the client has to show. What a user lacks besides a password is
// said only to who has that: a stranger does not learn which users there are.
func (c *Checker) chooseWay(v *users.View, l *login) error {
	groups := l.standing.Groups
	if everyone := v.Group(users.Everyone); l.standing.User == nil && everyone != nil {
		groups = []*users.Group{everyone}
	}
	can := c.shown(l)
	var why string
	if l.way, why = choose(l.ways(groups, l.standing.User), can); l.way != nil {
		return nil
	}
	switch {
	case can.certificate:
		return refuse(why)
	case can.password:
		l.way = users.Way{users.Password}
		return nil
	}
	return refuse("a user name and a password, or the profile of one of your own devices, are needed here")
}

// shown is what a client can show.
func (c *Checker) shown(l *login) shown {
	return shown{certificate: l.standing.Device != nil, password: l.password != "", browser: c.o.Browser != nil && browsing(l.request) != "", page: l.page && c.o.Browser != nil}
}
