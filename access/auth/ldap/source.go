package ldap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"culvert/access/auth"
	"culvert/internal/printable"
)

// Source is an auth.Source that asks LDAP. Make it with NewSource. It is safe for concurrent
// use.
type Source struct {
	checker *Checker
	names   names
	pool    *pool
	now     func() time.Time
}

// NewSource returns what asks LDAP about people as a configuration says. It reads the
// certificates and the key that it names. Close it when it is no longer needed.
func NewSource(c *Config, o Options) (*Source, error) {
	checker, err := New(c, o)
	if err != nil {
		return nil, err
	}
	return newSource(checker, time.Now)
}

func newSource(c *Checker, now func() time.Time) (*Source, error) {
	n := namesOf(c.c.Filter)
	if len(n) == 0 {
		return nil, fmt.Errorf("SearchFilter %s: expected a part such as (uid=%%u), which says where an entry has the user's name", c.c.Filter)
	}
	return &Source{checker: c, names: n, pool: &pool{dial: c.dial}, now: now}, nil
}

// Close closes the connections that are kept.
func (s *Source) Close() { s.pool.close() }

// Name implements auth.Source.
func (s *Source) Name() string { return "ldap" }

// Check implements auth.Source.
func (s *Source) Check(ctx context.Context, l auth.Login) (auth.Person, error) {
	release, err := s.checker.slots.Acquire(ctx, l.Request.Source)
	if err != nil {
		return auth.Person{}, fmt.Errorf("LDAP was not asked, because too many others were waiting: %w", err)
	}
	defer release()
	p, err := s.check(ctx, l)
	var no refusal
	if errors.As(err, &no) {
		return p, &auth.RefusedError{Reason: string(no)}
	}
	return p, err
}

func (s *Source) check(ctx context.Context, l auth.Login) (p auth.Person, err error) {
	if err := checkPassword(l.Password); err != nil {
		return p, err
	}
	if l.Username == "" {
		return p, refusal("the client gave no user name")
	}
	var entry *ldap.Entry
	err = s.pool.use(ctx, func(d directory) error {
		entry, err = s.find(d, l.Username)
		return err
	})
	if err != nil {
		return p, err
	}
	// Whether an account is disabled is for those who know its password.
	if err := s.checker.bind(ctx, entry.DN, l.Password); err != nil {
		return p, wrong(err)
	}
	if why := disabled(entry, s.now()); why != "" {
		return p, &auth.RefusedError{Reason: why, Told: "this account is disabled"}
	}
	return s.person(ctx, entry, l.Username)
}

// Look implements auth.Looking. The directory is asked as BindDN.
func (s *Source) Look(ctx context.Context, name string) (auth.Person, error) {
	p, err := s.look(ctx, name)
	var no refusal
	if errors.As(err, &no) {
		return p, &auth.RefusedError{Reason: string(no)}
	}
	return p, err
}

func (s *Source) look(ctx context.Context, name string) (p auth.Person, err error) {
	var entry *ldap.Entry
	err = s.pool.use(ctx, func(d directory) error {
		entry, err = s.find(d, name)
		return err
	})
	if err != nil {
		return p, err
	}
	if why := disabled(entry, s.now()); why != "" {
		return p, &auth.RefusedError{Reason: why}
	}
	return s.person(ctx, entry, name)
}

// wrong says that a password is wrong, where that is why a server refused to bind.
func wrong(err error) error {
	var no refusal
	if !errors.As(err, &no) {
		return err
	}
	if why := activeDirectory(string(no)); why == locked { // which it says of wrong passwords, too
		return &auth.RefusedError{Reason: why}
	} else if why != "" {
		return &auth.RefusedError{Reason: why, Told: why}
	}
	return auth.ErrWrongPassword
}

// attributes are what an entry is asked for. Those that a server does not have are left out
// of its answer.
var attributes = []string{"uid", "cn", "displayName", "mail", "memberOf", "entryUUID", "objectGUID", "nsUniqueId",
	"userAccountControl", "accountExpires", "nsAccountLock", "loginDisabled", "pwdAccountLockedTime", "shadowExpire"}

// find returns a user's entry.
func (s *Source) find(d directory, user string) (*ldap.Entry, error) {
	found, err := s.checker.search(d, user, append(s.names.attributes(), attributes...))
	if errors.Is(err, errNobody) {
		return nil, auth.ErrUnknownUser
	}
	if err != nil {
		return nil, err
	}
	base, err := ldap.ParseDN(s.checker.c.BaseDN)
	if err != nil {
		return nil, fmt.Errorf("BaseDN %s: %w", s.checker.c.BaseDN, err)
	}
	name, err := ldap.ParseDN(found.DN)
	if err != nil || !base.EqualFold(name) && !base.AncestorOfFold(name) {
		return nil, fmt.Errorf("the server answers with the entry %s, which is not below BaseDN %s, where it was asked", printable.Name(found.DN), s.checker.c.BaseDN)
	}
	return found, nil
}

// person returns whom an entry describes, with their groups.
func (s *Source) person(ctx context.Context, e *ldap.Entry, user string) (auth.Person, error) {
	name, ok := s.names.of(e, user)
	if !ok {
		return auth.Person{}, &auth.RefusedError{Reason: fmt.Sprintf("the entry %s shows no %s that is the name given; let BindDN read it", printable.Name(e.DN), strings.Join(s.names.attributes(), " or "))}
	}
	p := described(e, name)
	err := s.pool.use(ctx, func(d directory) error { return s.groups(d, e.DN, name, &p) })
	return p, err
}

// described is whom an entry describes.
func described(e *ldap.Entry, name string) auth.Person {
	p := auth.Person{Name: name, FullName: e.GetAttributeValue("displayName"), Email: e.GetAttributeValue("mail"), Groups: e.GetAttributeValues("memberOf")}
	if p.FullName == "" {
		p.FullName = e.GetAttributeValue("cn")
	}
	for _, id := range []string{"entryUUID", "nsUniqueId"} {
		if p.Subject == "" {
			p.Subject = e.GetAttributeValue(id)
		}
	}
	if guid := e.GetRawAttributeValue("objectGUID"); p.Subject == "" && len(guid) > 0 {
		p.Subject = fmt.Sprintf("%x", guid)
	}
	return p
}

// groups adds the groups that list a user, and refuses one whom none lists if the
// configuration says so.
func (s *Source) groups(d directory, entry, user string, p *auth.Person) error {
	c := s.checker.c
	listed := false
	for _, g := range c.Groups {
		value := entry
		if g.ByName {
			value = user
		}
		filter := "(&" + g.Filter + "(" + g.Member + "=" + ldap.EscapeFilter(value) + "))"
		found, err := d.Search(&ldap.SearchRequest{BaseDN: g.BaseDN, Scope: ldap.ScopeWholeSubtree, TimeLimit: int(c.Timeout.Seconds()), Filter: filter, Attributes: noAttributes})
		switch {
		case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
			continue
		case err != nil:
			return searching("groups ", g.BaseDN, err)
		}
		for _, e := range found.Entries {
			listed = true
			if !slices.Contains(p.Groups, e.DN) {
				p.Groups = append(p.Groups, e.DN)
			}
		}
	}
	if c.RequireGroup && !listed {
		return &auth.RefusedError{Reason: "the user is a member of none of the groups", Told: "this account may not use this server"}
	}
	return nil
}

// ReadSource makes a Source of a file's text, whose name is for messages. What is to be noted
// goes to the log.
func ReadSource(name string, text []byte, o Options) (*Source, error) {
	c, err := Parse(name, text)
	if err != nil {
		return nil, err
	}
	c.Note(name, o.Log)
	return NewSource(c, o)
}

// Note logs what there is to be noted about the file that c was read from.
func (c *Config) Note(name string, log *slog.Logger) {
	for _, note := range c.Notes {
		log.Warn(fmt.Sprintf("%s:%d: %s", name, note.Line, note.Text))
	}
}
