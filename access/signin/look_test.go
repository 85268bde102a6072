package signin

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/auth"
	"culvert/access/users"
)

// registry is a directory that says how people stand.
type registry struct {
	*directory
	mu   sync.Mutex
	says map[string]error // of people by name
	down error
}

func (r *registry) Look(_ context.Context, name string) (auth.Person, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down != nil {
		return auth.Person{}, r.down
	}
	return r.people[name+" secret"], r.says[name]
}

func (r *registry) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// TestFollow: whom a directory removes or disables is out at the next look, keeps out with a
// token and a password, and comes back when the directory has them again; whom it cannot be
// asked about stays.
func TestFollow(t *testing.T) {
	records := people(t)
	records["groups/crew"] = users.Group{Name: "crew", Sources: []string{"ldap:cn=staff,dc=example"}}
	synctest.Test(t, func(t *testing.T) {
		r := &registry{directory: peopleOfLDAP(), says: make(map[string]error)}
		w := newWorld(t, records, r)
		in := w.check(client("laptop", "frida", "secret"))
		if !in.OK {
			t.Fatal(said(in))
		}
		synctest.Wait()
		again := client("laptop", "frida", "")
		again.Token = &auth.Token{Note: in.Note}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.Follow(ctx) }()
		look := func() {
			time.Sleep(lookEvery + time.Minute)
			synctest.Wait()
		}
		stands := func(what, gone string, ok bool) {
			t.Helper()
			look()
			if got := w.user("frida").Gone; got != gone {
				t.Errorf("%s: gone %q, want %q", what, got, gone)
			}
			if got := w.check(again); got.OK != ok {
				t.Errorf("%s: with the token: %s", what, said(got))
			}
			if who := w.o.Directory.View().Standing("laptop", "frida"); (who.Barred(time.Now()) == nil) != ok {
				t.Errorf("%s: barred: %v", what, who.Barred(time.Now()))
			}
		}
		stands("as before", "", true)
		r.set(func() { r.says["frida"] = auth.ErrUnknownUser })
		stands("removed", "there is no such user there", false)
		r.set(func() { r.down = errors.New("no route") })
		stands("out of reach", "there is no such user there", false)
		r.set(func() { r.down, r.says["frida"] = nil, nil })
		stands("added again", "", true)
		r.set(func() { r.down = errors.New("no route") })
		stands("out of reach", "", true)
		r.set(func() { r.down = nil })
		other := r.people["frida secret"]
		other.Subject = "id-2"
		r.set(func() { r.people["frida secret"] = other })
		stands("somebody else of that name", "somebody else has that name there", false)
		other.Subject, other.Groups = "id-1", nil
		r.set(func() { r.people["frida secret"] = other })
		stands("in no group", "", true)
		if got := w.user("frida").Groups; len(got) > 0 {
			t.Errorf("groups: %q", got)
		}
		r.set(func() { r.says["frida"] = &auth.RefusedError{Reason: "the account is disabled"} })
		stands("disabled", "the account is disabled", false)
		r.set(func() { r.says["frida"] = nil })
		if got := said(w.check(client("laptop", "frida", "secret"))); got != "in as frida, remembered" {
			t.Errorf("with the password, before the next look: %q", got)
		}
		if u := w.user("alice"); u.Gone != "" {
			t.Errorf("a user of this server: %+v", u)
		}
		end()
		<-done
	})
}
