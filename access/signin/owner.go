package signin

import (
	"errors"
	"fmt"
	"slices"

	"culvert/access/users"
)

// taken is what somebody is told whose name is that of another user here.
const taken = "the user of that name here is not yours; ask who runs this server"

// owns fails if a record is not that of the person who signed in by a source. It is if it
// says so, or if the client has the certificate of one of its devices: names alone do not
// tell people of this server from those of a directory.
func owns(l *login, u *users.User) error {
	if mayAsk(l.standing.Device != nil, u, l.origin) || l.second(u) {
		return nil
	}
	return &refusal{taken, notTheirs(u, l.origin)}
}

// mayAsk reports whether a source may say that somebody is a user. nil: of nobody's record.
func mayAsk(device bool, u *users.User, source string) bool {
	return u == nil || u.Source == source || u.Source == "" && (device || source == sourceLocal)
}

// second reports whether somebody at a page only shows a second thing: the password that is
// kept here decides, and enter sees to it that it was shown.
func (l *login) second(u *users.User) bool {
	return l.origin == sourceBrowser && u.Source == "" && u.Password != "" && l.standing.Device == nil && l.way.Has(users.Password)
}

// notTheirs says for this side's log what to do about two of one name.
func notTheirs(u *users.User, source string) error {
	known := "of this server alone"
	if u.Source != "" {
		known = "one of " + u.Source
	}
	return fmt.Errorf("user %s is %s, and somebody of that name signed in by %s: if they are the same person, say so by: culvert user set %s --source %s", u.Name, known, source, u.Name, source)
}

// unknown is why no source was found that knows a client's user, for this side's log.
func (c *Checker) unknown(l *login) error {
	u := l.standing.User
	switch {
	case u == nil || u.Source == "" && (l.standing.Device != nil || !c.elsewhere()):
		return errors.New("no source of sign-in knows that user")
	case u.Source == "" && u.Password == "":
		return fmt.Errorf("user %s is of this server alone and has no password here, so no directory is asked without the certificate of one of the user's devices; to have one asked, such as LDAP: culvert user set %s --source ldap", u.Name, u.Name)
	case u.Source != "" && !slices.ContainsFunc(c.sources, func(s *bounded) bool { return s.Name() == u.Source }):
		return fmt.Errorf("the password of user %s is checked by %s, which this server does not ask about passwords", u.Name, u.Source)
	}
	return errors.New("no source of sign-in knows that user")
}
