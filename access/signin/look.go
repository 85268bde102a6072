package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"culvert/access/auth"
	"culvert/access/users"
	"culvert/internal/printable"
)

// How often directories are asked how their users stand, and the pause between two users.
const (
	lookEvery = 5 * time.Minute
	lookPause = 10 * time.Millisecond
)

// Follow asks the directories that can say it, now and every five minutes until ctx ends, how
// the users stand whom they know: who is disabled or removed there is out here, and who is
// in another group there, here too. At the end it has the store keep which wrong passwords
// slow down the next ones: nobody may be checked any more.
func (c *Checker) Follow(ctx context.Context) {
	defer c.keepGuesses()
	var all []auth.Looking
	for _, s := range c.o.Sources {
		if l, ok := s.(auth.Looking); ok {
			all = append(all, l)
		}
	}
	for len(all) > 0 && ctx.Err() == nil {
		for _, s := range all {
			if err := c.look(ctx, s); err != nil && ctx.Err() == nil {
				c.o.Log.Warn("who was disabled or removed in a directory is not known now; those who are in stay", "directory", s.Name(), "error", err)
			}
		}
		pause(ctx, lookEvery)
	}
	<-ctx.Done()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// look asks a directory about each of its users. It ends where one cannot be asked about.
func (c *Checker) look(ctx context.Context, s auth.Looking) error {
	for u := range c.o.Directory.View().Users() {
		if u.Source != s.Name() {
			continue
		}
		if err := c.lookAt(ctx, s, u); err != nil {
			return fmt.Errorf("user %s: %w", u.Name, err)
		}
		if pause(ctx, lookPause); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// lookAt keeps what a directory says of a user.
func (c *Checker) lookAt(ctx context.Context, s auth.Looking, u *users.User) error {
	short, cancel := context.WithTimeout(ctx, sourceTime)
	defer cancel()
	p, err := s.Look(short, u.Name)
	gone, err := reasonOf(s, u, p, err)
	if err != nil {
		return err
	}
	v := c.o.Directory.View()
	change := func(now *users.User) error {
		if now.Source != u.Source || !now.Created.Equal(u.Created) {
			return errRemoved // and another one has the name
		}
		if gone == "" {
			return describe(now, s.Name(), p, v)
		}
		now.Gone = gone
		return nil
	}
	next := *u
	if err := change(&next); err != nil || same(u, &next) {
		return err
	}
	if gone != u.Gone {
		c.o.Log.Info("a user stands otherwise in a directory", "user", u.Name, "directory", s.Name(), "gone", gone)
	}
	err = c.o.Records.ChangeUser(ctx, u.Name, change)
	if errors.Is(err, errRemoved) || errors.As(err, new(*users.UnknownError)) {
		return nil
	}
	return err
}

// reasonOf returns why a user is gone by what a directory says; "": they are not.
func reasonOf(s auth.Looking, u *users.User, p auth.Person, err error) (gone string, failed error) {
	var no *auth.RefusedError
	switch {
	case errors.Is(err, auth.ErrUnknownUser):
		return "there is no such user there", nil
	case errors.As(err, &no):
		return short(printable.Line(no.Reason)), nil
	case err != nil:
		return "", err
	case p.Name != u.Name:
		return short("the user is written " + printable.Name(p.Name) + " there"), nil
	case u.Subject != "" && p.Subject != "" && u.Subject != p.Subject:
		return "somebody else has that name there", nil
	}
	return "", nil
}

// present is a user without what a directory said about them before.
func present(u *users.User) *users.User {
	if u == nil || u.Gone == "" {
		return u
	}
	here := *u
	here.Gone = ""
	return &here
}

// mayTry is how a client stands that begins to sign in. Whom a directory has sent away may
// show it their password: it says whether they are back.
func mayTry(l *login) users.Standing {
	s := l.standing
	if l.password != "" {
		s.User = present(s.User)
	}
	return s
}
