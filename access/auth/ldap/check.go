package ldap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/internal/printable"
)

// directory is a connection to an LDAP server, as *ldap.Conn has it.
type directory interface {
	Bind(name, password string) error
	Search(*ldap.SearchRequest) (*ldap.SearchResult, error)
	Compare(name, attribute, value string) (bool, error)
	Close() error
}

// Checker is an auth.Checker that asks LDAP. Make it with New. It is safe for concurrent
// use.
type Checker struct {
	c     *Config
	log   *slog.Logger
	slots *hooks.Slots
	// dial connects, and binds as the configuration says.
	dial func(ctx context.Context) (directory, error)
}

// refusal is why LDAP does not let somebody in.
type refusal string

func (r refusal) Error() string { return string(r) }

// Check implements auth.Checker.
func (c *Checker) Check(ctx context.Context, r *auth.Request, _ func(auth.Pending)) auth.Verdict {
	release, err := c.slots.Acquire(ctx, r.Source)
	if err != nil {
		return auth.Verdict{Err: fmt.Errorf("plugin auth-ldap: not asked, because too many others were waiting: %w", err)}
	}
	defer release()
	err = c.check(ctx, r.Username, r.Password)
	var no refusal
	switch {
	case errors.As(err, &no):
		c.log.Warn("LDAP refuses a user", "user", printable.Name(r.Username), "because", printable.Line(string(no)))
		return auth.Verdict{}
	case err != nil:
		return auth.Verdict{Err: fmt.Errorf("plugin auth-ldap: %w", err)}
	}
	return auth.Verdict{OK: true}
}

func (c *Checker) check(ctx context.Context, user, password string) error {
	password, err := c.password(password)
	if err != nil {
		return err
	}
	if user == "" {
		return refusal("the client gave no user name")
	}
	d, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	entry, err := c.find(d, user)
	if err != nil {
		return err
	}
	if err := c.bind(ctx, entry, password); err != nil {
		return err
	}
	if !c.c.RequireGroup {
		return nil
	}
	for _, g := range c.c.Groups {
		is, err := member(d, g, entry, user)
		if is || err != nil {
			return err
		}
	}
	return refusal("the user is a member of none of the groups")
}

// password returns the password that a client sent. An empty one is none: servers take a
// bind without a password for one as nobody, and call it a success (RFC 4513, 5.1.2).
func (c *Checker) password(sent string) (string, error) {
	password := sent
	if c.c.ChallengeResponse {
		var ok bool
		if password, _, ok = auth.SplitStatic(sent); !ok {
			return "", refusal("the client sent a password without the answer to a challenge, which PasswordIsCR expects")
		}
	}
	return password, checkPassword(password)
}

// checkPassword fails for what must not go to a server.
func checkPassword(password string) error {
	if password == "" {
		return refusal("the client sent no password")
	}
	if strings.Contains(password, "\x00") {
		return refusal("the client sent a password with a NUL")
	}
	return nil
}

// noAttributes asks for an entry without what it holds (RFC 4511, 4.5.1.8).
var noAttributes = []string{"1.1"}

// errNobody is why there is no entry, on a server that refers to no other.
var errNobody = refusal("no entry matches SearchFilter")

// find returns the name of a user's entry.
func (c *Checker) find(d directory, user string) (string, error) {
	entry, err := c.search(d, user, noAttributes)
	if err != nil {
		return "", err
	}
	return entry.DN, nil
}

// search returns a user's entry with some attributes.
func (c *Checker) search(d directory, user string, attributes []string) (*ldap.Entry, error) {
	filter := strings.ReplaceAll(c.c.Filter, userWord, ldap.EscapeFilter(user))
	found, err := d.Search(&ldap.SearchRequest{BaseDN: c.c.BaseDN, Scope: ldap.ScopeWholeSubtree, SizeLimit: 2,
		TimeLimit: int(c.c.Timeout.Seconds()), Filter: filter, Attributes: attributes})
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded), err == nil && len(found.Entries) > 1:
		return nil, refusal("more than one entry matches SearchFilter; write one that matches a single entry for each name")
	case err != nil:
		return nil, searching("", c.c.BaseDN, err)
	case len(found.Entries) == 0 && len(found.Referrals) > 0:
		return nil, refusal(fmt.Sprintf("no entry matches SearchFilter on this server, and what it refers to, such as %s, is not asked; %s", found.Referrals[0], nameServer))
	case len(found.Entries) == 0 || found.Entries[0].DN == "":
		return nil, errNobody
	}
	return found.Entries[0], nil
}

// nameServer is what to do where a referral is not followed.
const nameServer = "name the server that has the entries in URL"

// searching says why a search below an entry failed; what is "" or "groups ".
func searching(what, base string, err error) error {
	if ldap.IsErrorWithCode(err, ldap.LDAPResultReferral) {
		return fmt.Errorf("searching %sbelow %s: the server refers to another one, which is not asked; %s (%w)", what, base, nameServer, err)
	}
	return fmt.Errorf("searching %sbelow %s: %w", what, base, err)
}

// bind tries the password, on a connection of its own.
func (c *Checker) bind(ctx context.Context, entry, password string) error {
	d, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Bind(entry, password)
	switch {
	case err == nil:
		return nil
	case ldap.IsErrorAnyOf(err, ldap.ErrorNetwork, ldap.LDAPResultTimeout, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable):
		return fmt.Errorf("binding as %s: %w", entry, err)
	}
	return refusal(fmt.Sprintf("binding as %s: %v", entry, err))
}

// member reports whether an entry is a member of one of the groups.
func member(d directory, g Group, entry, user string) (bool, error) {
	groups, err := d.Search(&ldap.SearchRequest{BaseDN: g.BaseDN, Scope: ldap.ScopeWholeSubtree, Filter: g.Filter, Attributes: noAttributes})
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return false, nil
	}
	if err != nil {
		return false, searching("groups ", g.BaseDN, err)
	}
	value := entry
	if g.ByName {
		value = user
	}
	for _, group := range groups.Entries {
		is, err := lists(d, g, group.DN, value)
		if is || err != nil {
			return is, err
		}
	}
	return false, nil
}

// lists reports whether a group lists a member.
func lists(d directory, g Group, group, value string) (is bool, err error) {
	if g.Search {
		var found *ldap.SearchResult
		found, err = d.Search(&ldap.SearchRequest{BaseDN: group, Scope: ldap.ScopeWholeSubtree, Filter: "(" + g.Member + "=" + ldap.EscapeFilter(value) + ")", Attributes: noAttributes})
		is = err == nil && len(found.Entries) > 0
	} else {
		is, err = d.Compare(group, g.Member, value)
	}
	switch {
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultNoSuchObject, ldap.LDAPResultUndefinedAttributeType, ldap.LDAPResultInappropriateMatching):
		return false, nil // it lists nobody
	case err != nil:
		return false, fmt.Errorf("asking the group %s: %w", group, err)
	}
	return is, nil
}
