package ldap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-ldap/ldap/v3"

	"culvert/access/auth"
	"culvert/access/hooks"
)

// people is a directory with one person, whose entry tests fill.
type people struct {
	*memory
	dn       string
	holds    map[string][]string
	bindSays error
	dialed   int
	broken   bool // the connections so far are
	closed   atomic.Int32
}

func (p *people) Search(r *ldap.SearchRequest) (*ldap.SearchResult, error) {
	if r.Filter == "(uid=ada)" {
		return &ldap.SearchResult{Entries: []*ldap.Entry{ldap.NewEntry(p.dn, p.holds)}}, nil
	}
	return p.memory.Search(r)
}

func (p *people) Bind(name, password string) error {
	if err := p.memory.Bind(name, password); err != nil || p.bindSays == nil {
		return err
	}
	return p.bindSays
}

// connection is one to the directory of a test.
type connection struct {
	*people
	number int
	ctx    context.Context
}

func (c *connection) Search(r *ldap.SearchRequest) (*ldap.SearchResult, error) {
	if c.broken && c.number < c.dialed {
		return nil, ldap.NewError(ldap.ErrorNetwork, errors.New("broken"))
	}
	return c.people.Search(r)
}

func (c *connection) Close() error               { c.closed.Add(1); return nil }
func (c *connection) detach() bool               { return c.ctx.Err() == nil }
func (c *connection) attach(ctx context.Context) { c.ctx = ctx }

func newPeople() *people {
	m := newMemory()
	m.found["(&(cn=*)(member=uid=ada,dc=x))"] = []string{"cn=vpn,dc=x"}
	return &people{memory: m, dn: "uid=ada,dc=x", holds: map[string][]string{"uid": {"ada"}, "displayName": {"Ada L."}, "mail": {"ada@example.org"}, "entryUUID": {"1-2"}, "memberOf": {"cn=all,dc=x"}}}
}

func (p *people) source(c Config) *Source {
	c.Filter, c.BaseDN, c.Timeout = "(uid=%u)", "dc=x", time.Second
	checker := &Checker{c: &c, log: slog.New(slog.DiscardHandler), slots: hooks.NewSlots(1), dial: func(ctx context.Context) (directory, error) {
		p.dialed++
		return &connection{people: p, number: p.dialed, ctx: ctx}, nil
	}}
	s, err := newSource(checker, func() time.Time { return time.Unix(1.8e9, 0) })
	if err != nil {
		panic(err)
	}
	return s
}

func login(user, password string) auth.Login {
	return auth.Login{Username: user, Password: password, Request: new(auth.Request)}
}

func TestPerson(t *testing.T) {
	p := newPeople()
	s := p.source(Config{RequireGroup: true, Groups: []Group{{BaseDN: "dc=x", Filter: "(cn=*)", Member: "member"}}})
	got, err := s.Check(t.Context(), login("ada", "good"))
	want := auth.Person{Name: "ada", Subject: "1-2", FullName: "Ada L.", Email: "ada@example.org", Groups: []string{"cn=all,dc=x", "cn=vpn,dc=x"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestRefused: why somebody cannot sign in.
func TestRefused(t *testing.T) {
	invalid := func(text string) error {
		return ldap.NewError(ldap.LDAPResultInvalidCredentials, errors.New(text))
	}
	for _, test := range []struct {
		what           string
		user, password string
		change         func(*people)
		want           string
		told           string
	}{
		{"unknown", "bert", "good", nil, auth.ErrUnknownUser.Error(), ""},
		{"wrong password", "ada", "bad", nil, auth.ErrWrongPassword.Error(), ""},
		{"empty password", "ada", "", nil, "no password", ""},
		{"several entries", "two", "good", nil, "more than one entry", ""},
		{"somebody else's entry", "ada", "good", func(p *people) { p.dn = "uid=eve,dc=y" }, "not below BaseDN", ""},
		{"no member", "ada", "good", func(p *people) { delete(p.found, "(&(cn=*)(member=uid=ada,dc=x))") }, "none of the groups", "may not use"},
		{"disabled, as in Active Directory", "ada", "good", func(p *people) { p.holds["userAccountControl"] = []string{"514"} }, "userAccountControl", "disabled"},
		{"disabled, as in FreeIPA", "ada", "good", func(p *people) { p.holds["nsAccountLock"] = []string{"TRUE"} }, "nsAccountLock", "disabled"},
		{"locked, as in OpenLDAP", "ada", "good", func(p *people) { p.holds["pwdAccountLockedTime"] = []string{"000001010000Z"} }, "pwdAccountLockedTime", "disabled"},
		{"expired, as in shadow", "ada", "good", func(p *people) { p.holds["shadowExpire"] = []string{"20833"} }, "shadowExpire", "disabled"},
		{"expired, as in Active Directory", "ada", "good", func(p *people) { p.holds["accountExpires"] = []string{"134444736000000000"} }, "accountExpires", "disabled"},
		{"disabled, with a wrong password", "ada", "bad", func(p *people) { p.holds["nsAccountLock"] = []string{"TRUE"} }, auth.ErrWrongPassword.Error(), ""},
		{"a password that expired", "ada", "good", func(p *people) {
			p.bindSays = invalid("80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 532, v3839")
		}, "password has expired", "password has expired"},
		{"locked", "ada", "good", func(p *people) {
			p.bindSays = invalid("80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 775, v3839")
		}, "locked", ""},
	} {
		p := newPeople()
		if test.change != nil {
			test.change(p)
		}
		s := p.source(Config{RequireGroup: true, Groups: []Group{{BaseDN: "dc=x", Filter: "(cn=*)", Member: "member"}}})
		_, err := s.Check(t.Context(), login(test.user, test.password))
		var no *auth.RefusedError
		told := ""
		if errors.As(err, &no) {
			told = no.Told
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(told, test.told) || test.told == "" && told != "" {
			t.Errorf("%s: %v, and the user is told %q", test.what, err, told)
		}
	}
}

// TestEnabled: what looks like the end of an account and is none.
func TestEnabled(t *testing.T) {
	p := newPeople()
	for attribute, value := range map[string]string{"userAccountControl": "512", "accountExpires": "9223372036854775807", "shadowExpire": "-1", "nsAccountLock": "FALSE"} {
		p.holds[attribute] = []string{value}
	}
	if _, err := p.source(Config{}).Check(t.Context(), login("ada", "good")); err != nil {
		t.Error(err)
	}
}

// TestPool: a connection is used again, replaced when it broke, and closed when nobody
// needed it for a while.
func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeople()
		s := p.source(Config{})
		in := func(want int) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := s.Check(ctx, login("ada", "good")); err != nil || p.dialed != want {
				t.Errorf("%v, %d connections, want %d", err, p.dialed, want)
			}
		}
		in(2) // for searches, and for the password
		in(3)
		p.broken = true
		in(5)
		p.broken = false
		time.Sleep(2 * maxIdleTime)
		in(7)
		s.Close()
		if closed := int(p.closed.Load()); closed != p.dialed {
			t.Errorf("%d of %d connections are closed", closed, p.dialed)
		}
	})
}

// TestSourceHangs: a server that says nothing holds up nobody longer than Timeout.
func TestSourceHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := ReadSource("x", fmt.Appendf(nil, "<LDAP>\nURL ldap://%s\nTimeout 1\n</LDAP>\n<Authorization>\nBaseDN dc=x\nSearchFilter (uid=%%u)\n</Authorization>", l.Addr()),
		Options{Log: slog.New(slog.DiscardHandler), Slots: hooks.NewSlots(1)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var no *auth.RefusedError
	if _, err := s.Check(t.Context(), login("ada", "good")); err == nil || errors.As(err, &no) || errors.Is(err, auth.ErrUnknownUser) || errors.Is(err, auth.ErrWrongPassword) {
		t.Errorf("%v", err)
	}
}

// TestLook: how somebody stands is asked without their password.
func TestLook(t *testing.T) {
	p := newPeople()
	s := p.source(Config{RequireGroup: true, Groups: []Group{{BaseDN: "dc=x", Filter: "(cn=*)", Member: "member"}}})
	if got, err := s.Look(t.Context(), "ada"); err != nil || got.Name != "ada" || got.Subject != "1-2" || len(got.Groups) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.Look(t.Context(), "bert"); !errors.Is(err, auth.ErrUnknownUser) {
		t.Errorf("unknown: %v", err)
	}
	p.holds["nsAccountLock"] = []string{"TRUE"}
	if _, err := s.Look(t.Context(), "ada"); !errors.As(err, new(*auth.RefusedError)) {
		t.Errorf("disabled: %v", err)
	}
	delete(p.holds, "nsAccountLock")
	delete(p.found, "(&(cn=*)(member=uid=ada,dc=x))")
	if _, err := s.Look(t.Context(), "ada"); !errors.As(err, new(*auth.RefusedError)) {
		t.Errorf("in no group: %v", err)
	}
}
