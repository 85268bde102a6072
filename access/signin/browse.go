package signin

import (
	"context"
	"errors"
	"slices"
	"time"

	"culvert/access/auth"
	"culvert/access/users"
)

// browseTime is how long people have to sign in at a page.
const browseTime = 5 * time.Minute

// browsing returns how a client is told to open a page; "": it cannot.
func browsing(r *auth.Request) string {
	switch {
	case slices.Contains(r.Methods, "webauth"):
		return "WEB_AUTH::"
	case slices.Contains(r.Methods, "openurl"):
		return "OPEN_URL:"
	}
	return ""
}

// browse has the client's user sign in at a page.
func (c *Checker) browse(ctx context.Context, l *login, pend func(auth.Pending)) error {
	ctx, cancel := context.WithTimeout(ctx, browseTime)
	defer cancel()
	page, wait, err := c.o.Browser.Begin(ctx, auth.Login{Username: l.name, Request: l.request})
	if err != nil {
		return err
	}
	pend(auth.Pending{Timeout: browseTime, Extra: browsing(l.request) + page})
	var judged error
	err = wait(ctx, func(p auth.Person) string {
		l.origin, l.done = c.o.Browser.Name(), append(l.done, users.Browser)
		judged = c.become(ctx, l, p)
		return verdictOf(judged).Reason
	})
	switch {
	case errors.Is(err, auth.ErrUnknownUser), errors.Is(err, auth.ErrWrongPassword):
		return &refusal{told: "signing in by the browser failed", cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &refusal{told: "nobody signed in by the browser in time", cause: err}
	case err != nil:
		return err
	}
	return judged
}
