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
// guesses there and those of clients slow each other down. Make it with Checker.Visit or
// Checker.VisitFrom. It is for one goroutine at a time.
type Visit struct {
	c       *Checker
	l       *login
	arrived *auth.Person // whom a browser's provider says that they are; nil: there was none
	begun   bool
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
	// Taken: they are refused since a user has their name who is not known to be them.
	Taken bool
	// Err is why nobody could be asked; nil: somebody was.
	Err error
}

// Ask is a question in the middle of signing in.
type Ask struct {
	Text string
	Echo bool // the answer is no secret
	// Password: the answer is the password that is kept here, and not a code.
	Password bool
	// Secret is what an authenticator app is to be given, whose code is the answer; nil:
	// they have an app, or the question is another one.
	Secret []byte
}

// Visit returns somebody who signs in by a name and a password from an address.
func (c *Checker) Visit(name, password string, from netip.AddrPort) *Visit {
	r := &auth.Request{Username: name, Password: password, Remote: from, Source: session.Source(from.Addr())}
	return &Visit{c: c, l: &login{request: r, name: name, password: password, page: true}}
}

// VisitFrom returns somebody who comes back from where people sign in by a browser
// (Options.Browser), which says who they are, from an address. They are taken for a user as a
// client's user is, and asked for what the groups of that user require besides.
func (c *Checker) VisitFrom(p auth.Person, from netip.AddrPort) *Visit {
	r := &auth.Request{Remote: from, Source: session.Source(from.Addr())}
	return &Visit{c: c, l: &login{request: r, name: p.Name, page: true, back: true}, arrived: &p}
}

// Go goes on as far as it can. answer is that to the last question; the first time it means
// nothing. After a step that asks nothing it must not be called again.
func (v *Visit) Go(ctx context.Context, answer string) Step {
	err := v.prepare(ctx, answer)
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
		return Step{Told: verdict.Reason, Because: causeOf(err), Taken: verdict.Reason == taken, Err: verdict.Err}
	}
	return Step{User: u, Shown: slices.Clone(v.l.done)}
}

// prepare begins, or takes an answer.
func (v *Visit) prepare(ctx context.Context, answer string) error {
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
	if v.arrived == nil {
		return v.c.chooseWay(view, v.l)
	}
	v.l.way = users.Way{users.Browser}
	if way, _ := chosenBack(v.l.ways(v.l.standing.Groups, v.l.standing.User), v.l.standing.User); way != nil {
		v.l.way = way
	}
	v.l.origin, v.l.done = sourceBrowser, users.Way{users.Browser}
	return v.c.become(ctx, v.l, *v.arrived)
}

// chosenBack returns the way that somebody goes who comes back from a provider: of those that
// begin there the shortest. A user of this server, whom a name alone does not make out, gives
// the password that is kept here besides. Or what they are told if there is none.
func chosenBack(ways []users.Way, u *users.User) (way users.Way, told string) {
	for _, w := range ways {
		if w.Known() && w.Has(users.Browser) && (way == nil || len(w) < len(way)) {
			way = w
		}
	}
	if way == nil {
		return nil, "your groups require something else here than what the provider says; sign in by your name and password"
	}
	if u != nil && u.Source == "" && u.Password != "" && !way.Has(users.Password) {
		way = append(slices.Clone(way), users.Password)
	}
	return way, ""
}

// asks is a question for a page.
func (v *Visit) asks(q *question) *Ask {
	a := &Ask{Text: q.text, Echo: q.echo, Password: v.l.asked}
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
