package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/internal/simnet"
	"culvert/role/server"
)

// people bars whom bar names, and pushes a route to everybody but them.
type people struct {
	bar  atomic.Pointer[string]
	push atomic.Pointer[string]
}

func (p *people) options(o *server.Options) {
	p.bar.Store(new(string))
	p.push.Store(new(string))
	o.People = server.People{
		Barred: func(a *access.Applicant, _ time.Time) error {
			if name := *p.bar.Load(); name != "" && a.Name == name {
				return errors.New("user " + name + " is disabled")
			}
			return nil
		},
		Terms: func(*access.Applicant) (t server.Terms) {
			if option := *p.push.Load(); option != "" {
				t.Push = []string{option}
			}
			return t
		},
	}
}

// TestReviewShutsOut cuts off who is barred, at once, says why, and keeps them out; others
// stay.
func TestReviewShutsOut(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		var p people
		s := w.serveOptions(ours().serverConf(""), p.options)
		a, b := w.connect("anna", ""), w.connect("ben", "")
		p.bar.Store(new("anna"))
		s.Review()
		<-a.ended
		if a.err == nil || !strings.Contains(a.err.Error(), "user anna is disabled") {
			t.Errorf("the client ended with %v", a.err)
		}
		exchange(t, s, b)
		again := w.dial("anna", "")
		<-again.ended
		if got := happened[server.LoginRefused](s); len(got) == 0 || got[0].Reason != "user anna is disabled" {
			t.Errorf("%+v", got)
		}
	})
}

// TestReviewWhileComing bars a client while its login is being checked: it never gets in.
func TestReviewWhileComing(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		var p people
		s := w.serveOptions(ours().serverConf(""), func(o *server.Options) {
			p.options(o)
			o.SignIn = checker(func(*auth.Request) auth.Verdict { time.Sleep(time.Second); return auth.Verdict{OK: true} })
		})
		c := w.dial("anna", "")
		time.Sleep(500 * time.Millisecond)
		p.bar.Store(new("anna"))
		s.Review()
		<-c.ended
		if len(happened[server.Up](s)) > 0 {
			t.Error("a client that was barred while it came got in")
		}
	})
}

// TestReviewPushes tells clients of other terms while they are in, and those that come
// later.
func TestReviewPushes(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		var p people
		s := w.serveOptions(ours().serverConf(""), p.options)
		a := w.connect("anna", "")
		p.push.Store(new("route 10.9.0.0 255.255.0.0"))
		s.Review()
		w.until(5*time.Second, "the route", func() bool { return logged(&a.process, "10.9.0.0") })
		exchange(t, s, a)
		b := w.connect("ben", "")
		if got := fmt.Sprint(b.states[0].Routes); !strings.Contains(got, "10.9.0.0/16") {
			t.Errorf("pushed to ben: %v", got)
		}
	})
}

// checker is an auth.Checker.
type checker func(*auth.Request) auth.Verdict

func (c checker) Check(_ context.Context, r *auth.Request, _ func(auth.Pending)) auth.Verdict {
	return c(r)
}

// requests are those that a checker got.
type requests struct {
	mu   sync.Mutex
	list []*auth.Request
}

func (r *requests) add(one *auth.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, one)
}

func (r *requests) all() []*auth.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list[:len(r.list):len(r.list)]
}

// TestSignIn is asked about clients that show a certificate alone, and says who they are.
func TestSignIn(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		var asked requests
		s := w.serveOptions(ours().serverConf("auth-gen-token"), func(o *server.Options) {
			o.SignIn = checker(func(r *auth.Request) auth.Verdict {
				asked.add(r)
				return auth.Verdict{OK: r.CommonName == "anna", User: "owner"}
			})
		})
		a := w.connect("anna", "")
		exchange(t, s, a)
		if clients := s.Clients(); len(asked.all()) != 1 || clients[0].Username != "owner" {
			t.Errorf("asked %d times; %+v", len(asked.all()), clients)
		}
		if logged(&a.process, "token") {
			t.Error("a client that showed a certificate alone got a token")
		}
		b := w.dial("ben", "")
		<-b.ended
	})
}

// TestSignInLasts as long as auth-gen-token says, also where the sign-in alone is asked.
func TestSignInLasts(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		var asked requests
		w.serveOptions(ours().serverConf("auth-gen-token 60"), func(o *server.Options) {
			o.SignIn = checker(func(r *auth.Request) auth.Verdict {
				asked.add(r)
				return auth.Verdict{OK: true, User: r.Username, Remember: true}
			})
		})
		w.connect("anna", "auth-retry interact\nreneg-sec 25\n<auth-user-pass>\nanna\nsecret\n</auth-user-pass>")
		time.Sleep(3 * time.Minute)
		var by []string
		for _, r := range asked.all() {
			by = append(by, map[bool]string{true: "token", false: "password"}[r.Token != nil])
		}
		if !slices.Contains(by, "token") || !slices.Contains(by[1:], "password") {
			t.Errorf("within three minutes: %v", by)
		}
	})
}

// TestSignInIsRemembered without auth-gen-token: a client whose user signed in shows a token
// when keys are renewed, and after a restart of the server, and the sign-in judges that.
// Where a program or a plugin wants the password, there are no tokens without that line.
func TestSignInIsRemembered(t *testing.T) {
	for _, others := range []bool{false, true} {
		inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
			var asked requests
			s := w.serveOptions(ours().serverConf("explicit-exit-notify 1"), func(o *server.Options) {
				o.SignIn = checker(func(r *auth.Request) auth.Verdict {
					asked.add(r)
					return auth.Verdict{OK: r.Token != nil || r.Password == "secret", User: r.Username, Remember: true}
				})
				if others {
					o.Checkers = []auth.Checker{checker(func(*auth.Request) auth.Verdict { return auth.Verdict{OK: true} })}
				}
			})
			c := w.connect("anna", "reneg-sec 10\n<auth-user-pass>\nanna\nsecret\n</auth-user-pass>")
			time.Sleep(35 * time.Second)
			renewed := len(asked.all())
			s.Restart()
			c.up(time.Minute)
			exchange(t, s, c)
			if renewed < 4 || len(asked.all()) <= renewed {
				t.Fatalf("asked %d times, %d of them before the restart", len(asked.all()), renewed)
			}
			for i, r := range asked.all() {
				if (r.Token != nil) != (i > 0 && !others) || r.Renewal != (i > 0 && i < renewed) {
					t.Errorf("others %v, %d of %d: token %v, renewal %v", others, i, renewed, r.Token, r.Renewal)
				}
			}
		})
	}
}
