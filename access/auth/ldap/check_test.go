package ldap

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"culvert/access/auth"
	"culvert/access/hooks"
)

// memory is a directory in memory: what filters find, and whose passwords are good.
type memory struct {
	found     map[string][]string // names of entries by filter
	passwords map[string]string
	members   map[string]string // value by group, for both kinds of question
	refers    []string          // to other servers, with each search
	fail      error
	asked     []string
}

func (m *memory) Bind(name, password string) error {
	m.asked = append(m.asked, "bind "+name+" "+password)
	switch {
	case m.fail != nil:
		return m.fail
	case m.passwords[name] != password:
		return ldap.NewError(ldap.LDAPResultInvalidCredentials, errors.New("no"))
	}
	return nil
}

func (m *memory) Search(r *ldap.SearchRequest) (*ldap.SearchResult, error) {
	m.asked = append(m.asked, "search "+r.Filter)
	if m.fail != nil {
		return nil, m.fail
	}
	if _, err := ldap.CompileFilter(r.Filter); err != nil {
		return nil, err
	}
	found := ldap.SearchResult{Referrals: m.refers}
	names := m.found[r.Filter]
	if r.Filter == "(member="+m.members[r.BaseDN]+")" {
		names = []string{r.BaseDN}
	}
	for _, name := range names {
		found.Entries = append(found.Entries, &ldap.Entry{DN: name})
	}
	return &found, nil
}

func (m *memory) Compare(name, attribute, value string) (bool, error) {
	m.asked = append(m.asked, "compare "+name+" "+attribute)
	if _, there := m.members[name]; !there {
		return false, ldap.NewError(ldap.LDAPResultNoSuchAttribute, errors.New("none"))
	}
	return m.members[name] == value, nil
}

func (m *memory) Close() error { return nil }

func newMemory() *memory {
	return &memory{
		found: map[string][]string{"(uid=ada)": {"uid=ada,dc=x"}, `(uid=\2a\29\28)`: {"uid=odd,dc=x"}, "(uid=two)": {"uid=a,dc=x", "uid=b,dc=x"},
			"(cn=*)": {"cn=empty,dc=x", "cn=vpn,dc=x"}},
		passwords: map[string]string{"uid=ada,dc=x": "good", "uid=odd,dc=x": "good", "uid=a,dc=x": "good", "uid=b,dc=x": "good"},
		members:   map[string]string{"cn=vpn,dc=x": "uid=ada,dc=x"},
	}
}

func check(m *memory, c Config, user, password string) auth.Verdict {
	c.Filter, c.BaseDN = "(uid=%u)", "dc=x"
	checker := &Checker{c: &c, log: slog.New(slog.DiscardHandler), slots: hooks.NewSlots(1), dial: func(context.Context) (directory, error) { return m, nil }}
	return checker.Check(context.Background(), &auth.Request{Username: user, Password: password}, nil)
}

func TestCheck(t *testing.T) {
	group := Group{BaseDN: "dc=x", Filter: "(cn=*)", Member: "member"}
	byName, bySearch := group, group
	byName.ByName, bySearch.Search = true, true
	for _, test := range []struct {
		what           string
		c              Config
		user, password string
		want           bool
	}{
		{"right password", Config{}, "ada", "good", true},
		{"wrong password", Config{}, "ada", "bad", false},
		{"empty password", Config{}, "ada", "", false},
		{"a NUL", Config{}, "ada", "\x00", false},
		{"no name", Config{}, "", "good", false},
		{"unknown name", Config{}, "bert", "good", false},
		{"a name that is a filter", Config{}, "*", "good", false},
		{"an odd name, escaped", Config{}, "*)(", "good", true},
		{"two entries", Config{}, "two", "good", false},
		{"a member", Config{RequireGroup: true, Groups: []Group{group}}, "ada", "good", true},
		{"a member, by search", Config{RequireGroup: true, Groups: []Group{bySearch}}, "ada", "good", true},
		{"no member", Config{RequireGroup: true, Groups: []Group{group, bySearch}}, "*)(", "good", false},
		{"no member by name", Config{RequireGroup: true, Groups: []Group{byName}}, "ada", "good", false},
		{"groups without effect", Config{Groups: []Group{group}}, "*)(", "good", true},
		{"a code, too", Config{ChallengeResponse: true}, "ada", "SCRV1:Z29vZA==:NDcxMQ==", true},
		{"an empty password with a code", Config{ChallengeResponse: true}, "ada", "SCRV1::NDcxMQ==", false},
		{"no code", Config{ChallengeResponse: true}, "ada", "good", false},
	} {
		m := newMemory()
		if v := check(m, test.c, test.user, test.password); v.OK != test.want || v.Err != nil {
			t.Errorf("%s: %+v", test.what, v)
		}
		for _, asked := range m.asked {
			if strings.HasPrefix(asked, "bind") && strings.HasSuffix(asked, " ") {
				t.Errorf("%s: bound without a password", test.what)
			}
		}
	}
}

// TestServerFails: what cannot be asked is an error, and nobody gets in.
func TestServerFails(t *testing.T) {
	m := newMemory()
	m.fail = ldap.NewError(ldap.ErrorNetwork, errors.New("broken"))
	if v := check(m, Config{}, "ada", "good"); v.OK || v.Err == nil {
		t.Errorf("%+v", v)
	}
}

// TestReferrals: whom another server has does not get in, as with OpenVPN's plugin, which
// gives the password to the first server whatever FollowReferrals says; it is said what to do.
func TestReferrals(t *testing.T) {
	var said strings.Builder
	m := newMemory()
	m.refers = []string{"ldap://other.example/ou=x\x1b,dc=x??sub"}
	checker := &Checker{c: &Config{Filter: "(uid=%u)"}, log: slog.New(slog.NewTextHandler(&said, nil)), slots: hooks.NewSlots(1), dial: func(context.Context) (directory, error) { return m, nil }}
	if v := checker.Check(t.Context(), &auth.Request{Username: "ada", Password: "good"}, nil); !v.OK {
		t.Errorf("somebody who is here: %+v", v)
	}
	if v := checker.Check(t.Context(), &auth.Request{Username: "bert", Password: "good"}, nil); v.OK || v.Err != nil {
		t.Errorf("somebody who is elsewhere: %+v", v)
	}
	if !strings.Contains(said.String(), "ldap://other.example/") || !strings.Contains(said.String(), nameServer) || strings.Contains(said.String(), "\x1b") {
		t.Errorf("the log says %q", said.String())
	}
	m.fail = ldap.NewError(ldap.LDAPResultReferral, errors.New("elsewhere"))
	if v := checker.Check(t.Context(), &auth.Request{Username: "bert", Password: "good"}, nil); v.OK || v.Err == nil || !strings.Contains(v.Err.Error(), nameServer) {
		t.Errorf("all are elsewhere: %+v", v)
	}
}

// TestNoServer: nothing listens, at none of the addresses.
func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := &Config{URLs: []string{"ldap://" + address, "ldapi:///nowhere"}, Timeout: defaultTimeout, Filter: "(uid=%u)"}
	checker, err := New(c, Options{Log: slog.New(slog.DiscardHandler), Slots: hooks.NewSlots(1)})
	if err != nil {
		t.Fatal(err)
	}
	v := checker.Check(t.Context(), &auth.Request{Username: "ada", Password: "good"}, nil)
	if v.OK || v.Err == nil || !strings.Contains(v.Err.Error(), address) || !strings.Contains(v.Err.Error(), "/nowhere") {
		t.Errorf("%+v", v)
	}
}

// TestSilentServer: a server that takes the connection and says nothing holds up a check
// no longer than its context lasts.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
			conn.Read(make([]byte, 1)) // the search
			cancel()
			<-t.Context().Done()
		}
	}()
	c := &Config{URLs: []string{"ldap://" + l.Addr().String()}, Timeout: maxTimeout * defaultTimeout, Filter: "(uid=%u)"}
	checker, err := New(c, Options{Log: slog.New(slog.DiscardHandler), Slots: hooks.NewSlots(1)})
	if err != nil {
		t.Fatal(err)
	}
	if v := checker.Check(ctx, &auth.Request{Username: "ada", Password: "good"}, nil); v.OK || v.Err == nil {
		t.Errorf("%+v", v)
	}
}

// TestSilentHandshake: a server that agrees to TLS and then says nothing is given up after
// Timeout.
func TestSilentHandshake(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 100))
		conn.Write([]byte{0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 0, 4, 0, 4, 0}) // success (RFC 4511, 4.14.2)
		<-t.Context().Done()
	}()
	c := &Config{URLs: []string{"ldap://" + l.Addr().String()}, Timeout: 100 * time.Millisecond, StartTLS: true, Filter: "(uid=%u)"}
	checker, err := New(c, Options{Log: slog.New(slog.DiscardHandler), Slots: hooks.NewSlots(1)})
	if err != nil {
		t.Fatal(err)
	}
	if v := checker.Check(t.Context(), &auth.Request{Username: "ada", Password: "good"}, nil); v.OK || v.Err == nil {
		t.Errorf("%+v", v)
	}
}
