package dashboard

import (
	"errors"
	"slices"
	"time"

	"culvert/access/users"
	"culvert/operate/manage/api"
)

// person is who is signed in.
type person struct {
	name string // as others see it
	// user is who of the store they are; "": whoever has all rights on the server, by a link
	// that they made there.
	user               string
	created, signedOut time.Time // of the user's record when they signed in
	by                 string    // one of the ways
}

// The ways to sign in.
const (
	byPassword = "password"
	byPasskey  = "passkey"
	byLink     = "link"
	byProvider = "oidc"
)

// personOf is a user who signs in.
func personOf(u *users.User, by string) person {
	return person{name: u.Name, user: u.Name, created: u.Created, signedOut: u.SignedOut, by: by}
}

// operator is whoever has all rights on the server.
func operator(name, by string) person {
	if name == "" {
		name = "operator"
	}
	return person{name: name + " (" + by + ")", by: by} // no user has such a name
}

// errNotAdmitted is answered to who has signed in, and may not use the dashboard.
var errNotAdmitted = notAdmitted.Error("you are not one of those who may use the dashboard",
	"ask who runs this server to put you in a group that dashboard-admit names")

// standing is what somebody may do now, or why nothing. p may be nil.
func (p *People) standing(who person, now time.Time) (api.Scope, error) {
	if who.user == "" {
		return api.Administer, nil
	}
	if p == nil {
		return "", errNotAdmitted
	}
	s := p.Directory.View().Standing("", who.user)
	switch u := s.User; {
	case u == nil || !u.Created.Equal(who.created):
		return "", errors.New("the user was removed")
	case !u.SignedOut.Equal(who.signedOut):
		return "", errors.New("the password or the app for codes was changed since")
	}
	if err := s.Barred(now); err != nil {
		return "", notAdmitted.Error(err.Error(), "ask who runs this server")
	}
	return p.admitted(s.Groups)
}

// Scope is what a user may do who signs in now, or why nothing.
func (p *People) Scope(u *users.User, now time.Time) (api.Scope, error) {
	return p.standing(personOf(u, byPassword), now)
}

// User is who of the store has a name; nil: nobody. p may be nil.
func (p *People) User(name string) *users.User {
	if p == nil {
		return nil
	}
	return p.Directory.View().User(name)
}

// admitted is the largest scope that groups give. A group whose record cannot be read lets
// nobody in who is in it.
func (p *People) admitted(groups []*users.Group) (scope api.Scope, err error) {
	for _, g := range groups {
		if len(g.Require) > 0 && !slices.ContainsFunc(g.Require, users.Way.Known) {
			return "", notAdmitted.Error("what is required of you cannot be read", "ask who runs this server")
		}
		for _, a := range p.Admit {
			if a.Group == g.Name && (scope == "" || a.Scope.Allows(scope)) {
				scope = a.Scope
			}
		}
	}
	if scope == "" {
		return "", errNotAdmitted
	}
	return scope, nil
}

// asNotAdmitted is why somebody who has signed in may not use the dashboard.
func asNotAdmitted(err error) error {
	var known *api.Error
	if errors.As(err, &known) {
		return known
	}
	return notAdmitted.Error(err.Error(), "sign in again")
}
