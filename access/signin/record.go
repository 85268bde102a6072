package signin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"culvert/access/auth"
	"culvert/access/users"
	"culvert/internal/printable"
)

// keep has the store know the client's user as a source does: a user of a directory gets a
// record at the first sign-in, and what changed of them is noted.
func (c *Checker) keep(ctx context.Context, l *login) error {
	v, p := c.o.Directory.View(), l.person
	u := v.User(p.Name)
	l.kept = u
	if l.origin == sourceLocal {
		return nil
	}
	if u != nil {
		if err := owns(l, u); err != nil {
			return err
		}
		if l.borrowed = l.second(u); l.borrowed {
			return nil
		}
	}
	next := users.User{Name: p.Name, Source: l.origin, Came: true, Created: c.o.Now().UTC()}
	if u != nil {
		next = *u
	}
	if err := describe(&next, l.origin, p, v); err != nil {
		return err
	}
	change := func() error {
		return c.o.Records.ChangeUser(ctx, p.Name, func(u *users.User) error {
			err := owns(l, u)
			if err == nil {
				err = describe(u, l.origin, p, v)
			}
			l.kept = new(*u)
			return err
		})
	}
	switch {
	case u == nil:
		if like := lookalike(v, l.origin, p); like != "" {
			return &refusal{fmt.Sprintf("give %s as your user name here", like), fmt.Errorf("%s signed in by %s, and %s is here: the same person, or the same name for most directories; if that user has another name there now, remove the user", p.Name, l.origin, like)}
		}
		err := c.o.Records.AddUser(ctx, next)
		if err == nil {
			l.kept = &next
			return c.seen(ctx, p.Name)
		}
		if change() != nil {
			return err
		}
		return nil
	case same(u, &next):
		return nil
	}
	return change()
}

// How long a new record may take until the directory has it, and how often it is looked.
const (
	seenTime  = 5 * time.Second
	seenEvery = 5 * time.Millisecond
)

// seen waits until the directory has a user who was just added: whoever decides about the
// client asks it, and takes who is not there for removed.
func (c *Checker) seen(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, seenTime)
	defer cancel()
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for c.o.Directory.View().User(name) == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("user %s was added to the store, and the server does not see it there: %w", name, ctx.Err())
		}
	}
	return nil
}

// lookalike returns the user that somebody is who gives another name: it differs by capital
// letters only, which many directories take for the same, or the source has them as the same
// person. Who was disabled or removed from a group under one must not come back under the
// other. "": nobody.
func lookalike(v *users.View, origin string, p auth.Person) string {
	for u := range v.Users() {
		if u.Name != p.Name && (strings.EqualFold(u.Name, p.Name) || p.Subject != "" && u.Source == origin && u.Subject == p.Subject) {
			return u.Name
		}
	}
	return ""
}

// describe sets what a source says of a user.
func describe(u *users.User, origin string, p auth.Person, v *users.View) error {
	if u.Subject != "" && p.Subject != "" && u.Subject != p.Subject {
		return &refusal{wrong, fmt.Errorf("user %s has another lasting name at %s now: somebody else has that name; remove the user if that is right", u.Name, origin)}
	}
	if u.Source != "" {
		u.FullName, u.Email = short(p.FullName), short(p.Email)
		if p.Subject != "" {
			u.Subject = p.Subject
		}
		u.Gone = ""
	}
	u.Groups, u.Lines = mapped(u.Groups, origin, p.Groups, v), p.Lines
	return nil
}

// same reports whether describe changed nothing.
func same(a, b *users.User) bool {
	return a.FullName == b.FullName && a.Email == b.Email && a.Subject == b.Subject && a.Gone == b.Gone && slices.Equal(a.Groups, b.Groups) && slices.Equal(a.Lines, b.Lines)
}

// maxText is how much of a name or address is kept, bytes.
const maxText = 256

func short(text string) string {
	text = printable.Value(text)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return text
}

// mapped returns a user's groups after a source said which of its own they are in: groups
// that name that source hold those whom it says, and others stay.
func mapped(before []string, origin string, theirs []string, v *users.View) []string {
	all := slices.DeleteFunc(slices.Clone(before), func(name string) bool {
		g := v.Group(name)
		return g == nil || len(ofSource(g, origin)) > 0
	})
	for g := range v.Groups() {
		named := func(own string) bool {
			return slices.ContainsFunc(theirs, func(t string) bool { return strings.EqualFold(t, own) })
		}
		if g.Name != users.Everyone && slices.ContainsFunc(ofSource(g, origin), named) {
			all = append(all, g.Name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ofSource returns the names that a group has for groups of a source.
func ofSource(g *users.Group, origin string) (names []string) {
	for _, s := range g.Sources {
		if name, ok := strings.CutPrefix(s, origin+":"); ok {
			names = append(names, name)
		}
	}
	return names
}
