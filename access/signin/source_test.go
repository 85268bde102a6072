package signin

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/auth"
	"culvert/access/users"
)

// directory is a source of people by password.
type directory struct {
	name    string
	people  map[string]auth.Person // by "name password"
	hangs   bool
	broken  error
	further string // is asked after the password
}

func (d *directory) Name() string { return d.name }

func (d *directory) Check(ctx context.Context, l auth.Login) (auth.Person, error) {
	if d.hangs {
		select {} // and does not look at ctx
	}
	if d.broken != nil {
		return auth.Person{}, d.broken
	}
	if l.State != nil {
		if string(l.State) == l.Username && l.Password == "blue" {
			return d.people[l.Username+" secret"], nil
		}
		return auth.Person{}, auth.ErrWrongPassword
	}
	p, ok := d.people[l.Username+" "+l.Password]
	switch {
	case ok && d.further != "":
		return p, &auth.Challenge{Text: d.further, Echo: true, State: []byte(l.Username)}
	case ok:
		return p, nil
	}
	for key := range d.people {
		if strings.HasPrefix(key, l.Username+" ") {
			return p, auth.ErrWrongPassword
		}
	}
	return p, auth.ErrUnknownUser
}

func peopleOfLDAP() *directory {
	return &directory{name: "ldap", people: map[string]auth.Person{
		"frida secret": {Name: "frida", Subject: "id-1", FullName: "Frida\nF.", Groups: []string{"cn=Staff,dc=example"}},
		"alice other":  {Name: "alice"},
		"a/b secret":   {Name: "a/b"},
	}}
}

// TestDirectoryUser: who only a directory knows gets a record, with groups by those of the
// directory, and it follows.
func TestDirectoryUser(t *testing.T) {
	records := people(t)
	records["groups/crew"] = users.Group{Name: "crew", Sources: []string{"ldap:cn=staff,dc=example"}}
	d := peopleOfLDAP()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, records, d)
		for _, c := range []struct{ user, password, want string }{
			{"frida", "wrong", wrong},
			{"frida", "secret", "in as frida, remembered"},
			{"frida", "secret", "in as frida, remembered"},
			{"alice", "other", wrong}, // local knows her, and decides
			{"a/b", "secret", "this user name cannot be used here"},
		} {
			if got := said(w.check(client("laptop", c.user, c.password))); got != c.want {
				t.Errorf("%s: %q, want %q", c.user, got, c.want)
			}
			synctest.Wait()
		}
		u := w.user("frida")
		if u.Source != "ldap" || !u.Came || u.Subject != "id-1" || u.FullName != "Frida_F." || !slices.Equal(u.Groups, []string{"crew"}) {
			t.Errorf("%+v", u)
		}
		frida := d.people["frida secret"]
		frida.Groups, frida.FullName = nil, "Frida"
		d.people["frida secret"] = frida
		if v := w.check(client("laptop", "frida", "secret")); !v.OK {
			t.Errorf("%+v", v)
		}
		synctest.Wait()
		if u := w.user("frida"); len(u.Groups) > 0 || u.FullName != "Frida" {
			t.Errorf("%+v", u)
		}
		frida.Subject = "id-2"
		d.people["frida secret"] = frida
		if v := w.check(client("laptop", "frida", "secret")); said(v) != wrong {
			t.Errorf("%+v", v)
		}
	})
}

// TestSourceAsksMore: a directory's question goes to the client, and its answer back.
func TestSourceAsksMore(t *testing.T) {
	d := peopleOfLDAP()
	d.further = "Your favourite colour"
	w := newWorld(t, people(t), d)
	id, text := crv1(t, w.check(client("laptop", "frida", "secret")))
	if text != d.further {
		t.Errorf("asked %q", text)
	}
	if v := w.check(client("laptop", "frida", "CRV1::"+id+"::blue")); said(v) != "in as frida, remembered" {
		t.Errorf("%+v", v)
	}
	id, _ = crv1(t, w.check(client("laptop", "frida", "secret")))
	if v := w.check(client("laptop", "frida", "CRV1::"+id+"::red")); v.Reason != wrong {
		t.Errorf("%+v", v)
	}
}

// TestSourceThatHangs: it holds up only those who ask it, and not for ever; who has asked
// it is not slowed down for that.
func TestSourceThatHangs(t *testing.T) {
	b := newBounded(&directory{name: "radius", hangs: true})
	request := func(i int) *auth.Request {
		r := client("", "frida", "secret")
		r.Source = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32)
		return r
	}
	ends := make(chan error)
	b.limit = 20 * time.Millisecond
	for i := range 2 * sourceAtOnce {
		go func() {
			_, err := b.Check(t.Context(), auth.Login{Username: "frida", Request: request(i)})
			ends <- err
		}()
	}
	for range 2 * sourceAtOnce {
		if err := <-ends; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "radius") {
			t.Error(err)
		}
	}
}

// TestSourceThatIsDown: nothing was guessed then, and the client hears nothing of why.
func TestSourceThatIsDown(t *testing.T) {
	down := peopleOfLDAP()
	down.broken = errors.New("connection refused by ldap.internal")
	w := newWorld(t, people(t), down)
	for range 3 * limitPlace.free {
		if v := w.check(client("laptop", "frida", "secret")); v.Reason != "signing in does not work at the moment; try again later" || v.Err == nil {
			t.Fatalf("%+v", v)
		}
	}
	if v := w.check(client("phone.alice", "alice", "correct horse")); !v.OK {
		t.Errorf("a user of another source: %+v", v)
	}
}

// pages is where people sign in by a browser.
type pages struct {
	person auth.Person
	told   *string // what the person read in the browser
}

func (pages) Name() string { return "oidc" }

func (p pages) Begin(context.Context, auth.Login) (string, func(context.Context, func(auth.Person) string) error, error) {
	return "https://vpn.example/sign-in", func(_ context.Context, accept func(auth.Person) string) error {
		*p.told = accept(p.person)
		return nil
	}, nil
}

// TestBrowser: the client is told to open the page, as it can, and is who signed in there.
func TestBrowser(t *testing.T) {
	records := people(t)
	records["groups/everyone"] = users.Group{Name: users.Everyone, Require: []users.Way{{users.Browser}}}
	w := newWorld(t, records)
	read := new(string)
	w.o.Browser = pages{auth.Person{Name: "gina", Subject: "1"}, read}
	for _, c := range []struct {
		cn, user string
		methods  []string
		told     string
		want     string
	}{
		{"laptop", "gina", []string{"openurl"}, "OPEN_URL:https://vpn.example/sign-in", "in as gina, remembered"},
		{"laptop", "", []string{"crtext", "webauth", "openurl"}, "WEB_AUTH::https://vpn.example/sign-in", "in as gina, remembered"},
		{"laptop", "bert", []string{"openurl"}, "OPEN_URL:https://vpn.example/sign-in", "give gina as your user name here"},
		{"phone.alice", "", []string{"openurl"}, "OPEN_URL:https://vpn.example/sign-in", "this profile is that of another user"},
		{"phone.alice", "", nil, "", "this needs " + browserClient},
	} {
		told := ""
		*read = ""
		v := w.Check(t.Context(), client(c.cn, c.user, "", able(c.methods...)), func(p auth.Pending) { told = p.Extra })
		if c.told != "" && *read != v.Reason {
			t.Errorf("%s: the browser says %q, and the client %q", c.user, *read, v.Reason)
		}
		if said(v) != c.want || told != c.told {
			t.Errorf("%s: told %q, %q; want %q, %q", c.user, told, said(v), c.told, c.want)
		}
	}
}
