package signin

import (
	"strings"
	"testing"
	"testing/synctest"

	"culvert/access/auth"
	"culvert/access/users"
)

// TestNameAlone: somebody in a directory who has the name of a user of this server does not
// come in as that user, and changes nothing of theirs. The certificate of one of the user's
// devices says that the two are the same, and so does the administrator.
func TestNameAlone(t *testing.T) {
	records := people(t)
	records["groups/passers"] = users.Group{Name: "passers", Require: []users.Way{{users.Password}}}
	records["groups/both"] = users.Group{Name: "both", Require: []users.Way{{users.Certificate, users.Password}}}
	records["groups/crew"] = users.Group{Name: "crew", Sources: []string{"ldap:cn=staff"}}
	records["users/hans"] = users.User{Name: "hans", Groups: []string{"passers"}}
	records["users/iris"] = users.User{Name: "iris", Groups: []string{"passers"}, Source: "ldap"}
	records["users/jana"] = users.User{Name: "jana", Groups: []string{"passers"}, Source: "radius"}
	records["users/bert"] = users.User{Name: "bert", Groups: []string{"both"}}
	d := &directory{name: "ldap", people: make(map[string]auth.Person)}
	for _, name := range []string{"hans", "iris", "jana", "bert", "alice"} {
		d.people[name+" secret"] = auth.Person{Name: name, FullName: "of the directory", Groups: []string{"cn=staff"}}
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, records, d)
		for _, c := range []struct{ cn, user, want string }{
			{"laptop", "hans", wrong},
			{"laptop", "jana", wrong},
			{"laptop", "alice", wrong},
			{"laptop", "bert", wrong},
			{"laptop.bert", "bert", "in as bert, remembered"},
			{"laptop", "iris", "in as iris, remembered"},
		} {
			if got := said(w.check(client(c.cn, c.user, "secret"))); got != c.want {
				t.Errorf("%s as %s: %q, want %q", c.cn, c.user, got, c.want)
			}
			synctest.Wait()
		}
		for _, name := range []string{"hans", "jana", "alice"} {
			if u := w.user(name); u.FullName != "" || len(u.Groups) > 1 {
				t.Errorf("the directory changed %+v", u)
			}
		}
		if u := w.user("iris"); u.FullName != "of the directory" || len(u.Groups) != 2 {
			t.Errorf("iris is not the directory's: %+v", u)
		}
	})
}

// TestNameAtAPage: the same of who signs in by a browser. Where a password that is kept here
// has to be given, too, that one says who it is.
func TestNameAtAPage(t *testing.T) {
	ways := func(name string, w ...users.Way) users.Group { return users.Group{Name: name, Require: w} }
	records := people(t)
	records["groups/page"] = ways("page", users.Way{users.Browser})
	records["groups/device"] = ways("device", users.Way{users.Certificate, users.Browser})
	records["groups/second"] = ways("second", users.Way{users.Password, users.Browser})
	records["users/hans"] = users.User{Name: "hans", Groups: []string{"page"}}
	records["users/iris"] = users.User{Name: "iris", Groups: []string{"page"}, Source: "oidc"}
	records["users/bert"] = users.User{Name: "bert", Groups: []string{"device"}}
	records["users/kira"] = users.User{Name: "kira", Groups: []string{"second"}, Password: hash(t, "kira's words")}
	records["users/lars"] = users.User{Name: "lars", Groups: []string{"second"}}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, records)
		for _, c := range []struct{ cn, user, password, want string }{
			{"laptop", "hans", "", taken},
			{"laptop", "iris", "", "in as iris, remembered"},
			{"laptop.bert", "bert", "", "in as bert, remembered"},
			{"laptop", "kira", "kira's words", "in as kira, remembered"},
			{"laptop", "kira", "guessed", wrong},
			{"laptop", "lars", "guessed", taken},
		} {
			w.o.Browser = pages{auth.Person{Name: c.user, FullName: "of the page"}, new(string)}
			v := w.Check(t.Context(), client(c.cn, c.user, c.password, able("openurl")), func(auth.Pending) {})
			if said(v) != c.want {
				t.Errorf("%s as %s: %q, want %q", c.cn, c.user, said(v), c.want)
			}
			synctest.Wait()
		}
		for _, name := range []string{"hans", "kira", "lars"} {
			if u := w.user(name); u.FullName != "" {
				t.Errorf("the page changed %+v", u)
			}
		}
	})
}

// TestWayChangesAtAPage: while somebody is at the page for their second thing, the password
// stops to be required: they do not come in by the page alone.
func TestWayChangesAtAPage(t *testing.T) {
	records := people(t)
	records["groups/second"] = users.Group{Name: "second", Require: []users.Way{{users.Password, users.Browser}}}
	kira := users.User{Name: "kira", Groups: []string{"second"}, Password: hash(t, "kira's words")}
	records["users/kira"] = kira
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, records)
		w.o.Browser = pages{}
		l := &login{request: client("laptop", "kira", "x", able("openurl")), standing: w.o.Directory.View().Standing("laptop", "kira"), name: "kira", password: "x", origin: "oidc",
			way: users.Way{users.Password, users.Browser}, done: users.Way{users.Browser}, stamp: stampOf(&kira)}
		if err := w.become(t.Context(), l, auth.Person{Name: "kira"}); err != nil {
			t.Fatal(err)
		}
		w.put("groups/second", users.Group{Name: "second", Require: []users.Way{{users.Browser}}})
		synctest.Wait()
		if _, err := w.enter(t.Context(), l); err == nil || err.Error() != taken {
			t.Errorf("%v", err)
		}
	})
}

// TestWhyNobodyKnows: the log says how to have a directory asked.
func TestWhyNobodyKnows(t *testing.T) {
	records := people(t)
	records["users/olga"] = users.User{Name: "olga", Source: "radius"}
	w := newWorld(t, records, peopleOfLDAP())
	for name, want := range map[string]string{"bert": "culvert user set bert --source", "olga": "checked by radius", "nobody": "no source"} {
		l := &login{request: client("laptop", name, "x"), standing: w.o.Directory.View().Standing("laptop", name), name: name}
		if err := w.unknown(l); !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
