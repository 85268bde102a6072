package signin

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/auth"
	"culvert/access/onetime"
	"culvert/access/users"
	"culvert/store"
)

// token is what a client shows later that a verdict let in.
func token(cn, user string, v auth.Verdict) *auth.Request {
	return client(cn, user, "SESS_ID_AT_x", func(r *auth.Request) { r.Token = &auth.Token{Began: start, Note: v.Note} })
}

// TestTokenEnds: what a login showed is remembered until more is required, and only for the
// record of the user that it was for.
func TestTokenEnds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, alice users.User)
		ends   bool
	}{
		"nothing": {func(*world, users.User) {}, false},
		"less is required": {func(w *world, _ users.User) {
			w.put("groups/everyone", users.Group{Name: "everyone", Require: []users.Way{{users.Certificate}}})
		}, false},
		"one of several ways": {func(w *world, _ users.User) {
			w.put("groups/everyone", users.Group{Name: "everyone", Require: []users.Way{{users.Browser}, {users.Password}}})
		}, false},
		"a group requires more": {func(w *world, _ users.User) {
			w.put("groups/everyone", users.Group{Name: "everyone", Require: []users.Way{{users.Password, users.Code}}})
		}, true},
		"another group": {func(w *world, alice users.User) {
			alice.Groups = []string{"staff"}
			w.put("users/alice", alice)
		}, true},
		"an app for codes": {func(w *world, alice users.User) {
			alice.TOTP = &users.TOTP{Secret: []byte("12345678901234567890"), Confirmed: true}
			w.put("users/alice", alice)
		}, true},
		"a name": {func(w *world, alice users.User) {
			alice.FullName = "Alice"
			w.put("users/alice", alice)
		}, false},
		"a password, by a clock that is wrong": {func(w *world, alice users.User) {
			alice.SetPassword(hash(w.t, "another one"), start.AddDate(-1, 0, 0))
			w.put("users/alice", alice)
		}, true},
		"another person of that name": {func(w *world, alice users.User) {
			alice.Created = start.Add(time.Second)
			w.put("users/alice", alice)
		}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, people(t))
			v := w.check(client("phone.alice", "alice", "correct horse"))
			if again := w.check(token("phone.alice", "alice", v)); said(again) != "in as alice, remembered" {
				t.Fatalf("%s: %+v, then %+v", name, v, again)
			}
			c.change(w, w.user("alice"))
			synctest.Wait()
			again := w.check(token("phone.alice", "alice", v))
			if again.OK == c.ends || c.ends && again.Reason != expired {
				t.Errorf("%s: %+v", name, again)
			}
		})
	}
}

// TestTokenRemembersTheCode: a login with a code is good where a code is required.
func TestTokenRemembersTheCode(t *testing.T) {
	w := newWorld(t, people(t))
	v := w.check(client("", "cleo", "battery staple"+onetime.At([]byte("12345678901234567890"), time.Now())))
	if again := w.check(token("", "cleo", v)); said(again) != "in as cleo, remembered" {
		t.Errorf("%+v, then %+v", v, again)
	}
}

// meanwhile is a source in whose check something happens, and which finds the password
// right.
type meanwhile func() auth.Person

func (meanwhile) Name() string { return sourceLocal }

func (m meanwhile) Check(context.Context, auth.Login) (auth.Person, error) { return m(), nil }

// TestChangedWhileSigningIn: whose account changes while a password is checked, or the user
// answers a question, does not come in by what counted before; nor does it stop the server.
func TestChangedWhileSigningIn(t *testing.T) {
	for name, change := range map[string]func(w *world, alice users.User){
		"removed": func(w *world, _ users.User) {
			if _, err := w.store.Commit(context.Background(), store.Txn{Delete: []string{"users/alice"}}); err != nil {
				w.t.Error(err)
			}
		},
		"another password": func(w *world, alice users.User) {
			alice.SetPassword(hash(w.t, "another one"), start)
			w.put("users/alice", alice)
		},
		"disabled": func(w *world, alice users.User) {
			alice.Disabled = true
			w.put("users/alice", alice)
		},
		"more is required": func(w *world, alice users.User) {
			alice.Groups = []string{"staff"}
			w.put("users/alice", alice)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, people(t))
			w.sources[0].Source = meanwhile(func() auth.Person {
				change(w, w.user("alice"))
				synctest.Wait()
				return auth.Person{Name: "alice"}
			})
			if v := w.check(client("phone.alice", "alice", "correct horse")); v.OK || v.Err != nil {
				t.Errorf("%s: %+v", name, v)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			records := people(t)
			alice := records["users/alice"].(users.User)
			alice.TOTP = &users.TOTP{Secret: []byte("12345678901234567890"), Confirmed: true}
			records["users/alice"] = alice
			w := newWorld(t, records)
			if name == "more is required" {
				return // a code was asked for
			}
			id, _ := crv1(t, w.check(client("phone.alice", "alice", "correct horse")))
			change(w, alice)
			synctest.Wait()
			code := onetime.At(alice.TOTP.Secret, time.Now())
			if v := w.check(client("phone.alice", "alice", "CRV1::"+id+"::"+code)); v.OK {
				t.Errorf("%s, after a question: %+v", name, v)
			}
		})
	}
}

// TestFirstSignInIsRemembered: the token of a user of a directory, whose record is made at the
// sign-in, is good, and its client keeps the address that the directory gave it.
func TestFirstSignInIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, anybody("ldap"))
		v := w.check(client("", "frida", "x"))
		synctest.Wait()
		if again := w.check(token("", "frida", v)); said(again) != "in as frida, remembered" || !slices.Equal(again.Lines, v.Lines) {
			t.Errorf("%+v, then %+v", v, again)
		}
	})
}

// anybody knows everybody.
type anybody string

func (d anybody) Name() string { return string(d) }

func (d anybody) Check(_ context.Context, l auth.Login) (auth.Person, error) {
	if l.Password == "" {
		return auth.Person{}, errors.New("asked without a password")
	}
	return auth.Person{Name: l.Username, Lines: []string{"ifconfig-push 10.8.0.77 255.255.255.0"}}, nil
}

// TestUnreadableGroup: whose group cannot be read, or requires what this program does not know,
// does not come in as if it required nothing, with a token neither.
func TestUnreadableGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := people(t)
		alice := records["users/alice"].(users.User)
		alice.Groups = []string{"odd"}
		records["users/alice"] = alice
		records["groups/odd"] = users.Group{Name: "odd"}
		w := newWorld(t, records)
		v := w.check(client("phone.alice", "alice", "correct horse"))
		if !v.OK {
			t.Fatalf("%+v", v)
		}
		w.put("groups/odd", users.Group{Name: "odd", Require: []users.Way{{users.Password, "retina"}}})
		synctest.Wait()
		for name, r := range map[string]*auth.Request{
			"all": client("phone.alice", "alice", "correct horse"), "a certificate": client("phone.alice", "", ""), "a token": token("phone.alice", "alice", v),
		} {
			if v := w.check(r); v.OK {
				t.Errorf("%s: %+v", name, v)
			}
		}
	})
}

// TestNamesThatLookAlike: who was disabled under the name that the server has does not come in
// as somebody new, by a directory that takes the name in capital letters, too.
func TestNamesThatLookAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, anybody("radius"))
		w.check(client("", "frida", "x"))
		frida := w.user("frida")
		frida.Disabled = true
		w.put("users/frida", frida)
		synctest.Wait()
		for user, want := range map[string]string{"frida": "user frida is disabled", "FRIDA": "give frida as your user name here"} {
			if v := w.check(client("", user, "x")); v.OK || v.Reason != want {
				t.Errorf("%s: %+v", user, v)
			}
		}
	})
}

// counted counts how often a source is asked.
type counted struct {
	auth.Source
	times *int
}

func (c counted) Check(ctx context.Context, l auth.Login) (auth.Person, error) {
	*c.times++
	return c.Source.Check(ctx, l)
}

// TestSameWork: a user who is known from a directory costs the hash that a stranger costs, so
// that the time does not tell who has signed in here before.
func TestSameWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, times := newWorld(t, nil, anybody("ldap")), 0
		w.sources[0].Source = counted{w.sources[0].Source, &times}
		for want := 1; want <= 2; want++ {
			if v := w.check(client("", "frida", "x")); !v.OK || times != want {
				t.Errorf("%+v, hashed %d times, want %d", v, times, want)
			}
			synctest.Wait()
		}
	})
}
