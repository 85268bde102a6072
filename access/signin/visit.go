package signin

import (
	"context"
	"net/netip"
	"slices"

	"culvert/access/auth"
	"culvert/access/users"
	"culvert/session"
)

// Visit is somebody who signs in at a page of the server's own, such as its dashboard, and
// not by a client. What their groups require of a client counts there, too, but for the
// certificate of a device, which no page can be shown: a password stands in its place. Wrong
// guesses there and those of clients slow each other down. Make it with Checker.Visit. It is
// for one goroutine at a time.
type Visit struct {
	c     *Checker
	l     *login
	begun bool
}

// Step is how far a Visit is: they are in, or asked, or refused.
type Step struct {
	// User is who is in; nil: nobody yet.
	User *users.User
	// Shown are the factors that they have shown.
	Shown users.Way
	// Ask is what they are asked; nil: nothing. Go takes the answer.
	Ask *Ask
	// Told is for them to read why they are refused, and Because is for this side's log;
	// it may say more.
	Told, Because string
	// Err is why nobody could be asked; nil: somebody was.
	Err error
}

// Ask is a question in the middle of signing in.
type Ask struct {
	Text string
	Echo bool // the answer is no secret
	// Secret is what an authenticator app is to be given, whose code is the answer; nil:
	// they have an app, or the question is another one.
	Secret []byte
}

// Visit returns somebody who signs in by a name and a password from an address.
func (c *Checker) Visit(name, password string, from netip.AddrPort) *Visit {
	r := &auth.Request{Username: name, Password: password, Remote: from, Source: session.Source(from.Addr())}
	return &Visit{c: c, l: &login{request: r, name: name, password: password, page: true}}
}

// Go goes on as far as it can. answer is that to the last question; the first time it means
// nothing. After a step that asks nothing it must not be called again.
func (v *Visit) Go(ctx context.Context, answer string) Step {
	err := v.prepare(answer)
	var q *question
	if err == nil {
		q, err = v.c.step(ctx, v.l, func(auth.Pending) {})
	}
	if err == nil && q != nil {
		return Step{Ask: v.asks(q)}
	}
	var u *users.User
	if err == nil {
		u, err = v.c.enter(ctx, v.l)
	}
	if err != nil {
		verdict := verdictOf(err)
		return Step{Told: verdict.Reason, Because: causeOf(err), Err: verdict.Err}
	}
	return Step{User: u, Shown: slices.Clone(v.l.done)}
}

// prepare begins, or takes an answer.
func (v *Visit) prepare(answer string) error {
	if v.begun {
		v.l.answered(answer)
		return nil
	}
	v.begun = true
	view := v.c.o.Directory.View()
	v.l.standing = view.Standing("", v.l.name)
	if u := v.l.standing.User; u != nil {
		v.l.stamp = stampOf(u)
	}
	return v.c.chooseWay(view, v.l)
}

// asks is a question for a page.
func (v *Visit) asks(q *question) *Ask {
	a := &Ask{Text: q.text, Echo: q.echo}
	if v.l.state == nil && v.l.enrolling != nil {
		a.Secret = slices.Clone(v.l.enrolling)
	}
	return a
}

// ways are those that meet what groups require of a user.
func (l *login) ways(groups []*users.Group, u *users.User) []users.Way {
	all := required(groups, usual(u))
	if !l.page {
		return all
	}
	atPage := make([]users.Way, len(all))
	for i, w := range all {
		if w.Has(users.Certificate) {
			w = slices.DeleteFunc(slices.Clone(w), func(f users.Factor) bool { return f == users.Certificate })
			if !w.Has(users.Password) && !w.Has(users.Browser) {
				w = append(users.Way{users.Password}, w...)
			}
		}
		atPage[i] = w
	}
	return atPage
}
