package client

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"culvert/config"
	"culvert/role/profile"
	"culvert/role/profile/reach"
)

// clerk is an Asker with answers in turn.
type clerk struct {
	answers []profile.Answer
	asked   []profile.Question
	refused []string
}

func (k *clerk) Ask(ctx context.Context, q profile.Question) (profile.Answer, error) {
	k.asked = append(k.asked, q)
	if len(k.answers) == 0 {
		<-ctx.Done()
		return profile.Answer{}, ctx.Err()
	}
	a := k.answers[0]
	k.answers = k.answers[1:]
	return a, nil
}

func (k *clerk) Refused(r profile.Realm, reason string) {
	k.refused = append(k.refused, string(r)+" "+reason)
}

func managedLogin(t *testing.T, c config.Login, answers ...profile.Answer) (*login, *clerk) {
	t.Helper()
	k := &clerk{answers: answers}
	l, err := newLogin(&config.Config{Login: c}, nil, k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if len(k.answers) > 0 {
			t.Errorf("never asked for: %v", k.answers)
		}
	})
	return l, k
}

// both is the question for a user name and a password.
var both = profile.Question{Realm: profile.RealmLogin, Username: true, Password: true}

// TestManagedLogin: a management client is asked once for all that is missing, before
// the first connection, and again after refusals only where auth-retry says so.
func TestManagedLogin(t *testing.T) {
	ada, bob := profile.Answer{Username: "ada", Password: "one"}, profile.Answer{Username: "bob", Password: "two"}
	l, k := managedLogin(t, config.Login{UserPass: new(config.File), Retry: config.AuthRetryInteract}, ada, bob)
	for range 2 {
		if err := l.ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.expect(t, "ada", "one")
	l.expect(t, "ada", "one")
	l.refuse(t, "no such user", true)
	l.expect(t, "bob", "two")
	if !slices.Equal(k.asked, []profile.Question{both, both}) || !slices.Equal(k.refused, []string{"Auth no such user"}) {
		t.Errorf("asked %+v, told %q", k.asked, k.refused)
	}

	l, k = managedLogin(t, config.Login{UserPass: new(config.File)}, ada)
	l.expect(t, "ada", "one")
	l.refuse(t, "", false)
	if !slices.Equal(k.refused, []string{"Auth "}) {
		t.Errorf("told %q", k.refused)
	}

	l, k = managedLogin(t, config.Login{UserPass: new(config.File), UsernameOnly: true}, ada)
	l.expect(t, "ada", blank)
	if k.asked[0] != (profile.Question{Realm: profile.RealmLogin, Username: true}) {
		t.Errorf("asked %+v", k.asked)
	}

	l, _ = managedLogin(t, config.Login{})
	l.expect(t, "", "")
}

// TestManagedFile: a file is used as long as the server takes what is in it. One with a
// name alone is asked for both, as OpenVPN does.
func TestManagedFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(name, []byte("ada\none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bob := profile.Answer{Username: "bob", Password: "two"}
	l, _ := managedLogin(t, config.Login{UserPass: &config.File{Name: name, Text: []byte("ada\none\n")}, Retry: config.AuthRetryInteract}, bob)
	l.expect(t, "ada", "one")
	l.refuse(t, "", true)
	l.expect(t, "bob", "two")
	l.forget()
	l.expect(t, "ada", "one") // from the file again
	l, _ = managedLogin(t, config.Login{UserPass: inline("ada\n")}, bob)
	l.expect(t, "bob", "two")
}

// TestManagedChallenge: who is asked packs the answer to a static challenge into the
// password, which is good once. For a dynamic one it is asked again.
func TestManagedChallenge(t *testing.T) {
	challenge := &config.StaticChallenge{Text: "PIN", Echo: true}
	l, k := managedLogin(t, config.Login{UserPass: inline("ada\none\n"), StaticChallenge: challenge},
		profile.Answer{Username: "ada", Password: "SCRV1:b25l:MQ=="}, profile.Answer{Username: "ada", Password: "SCRV1:b25l:Mg=="})
	if err := l.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.expect(t, "ada", "SCRV1:b25l:MQ==")
	l.expect(t, "ada", "SCRV1:b25l:Mg==")
	if q := k.asked[0]; q.Challenge != challenge || !q.Password {
		t.Errorf("asked %+v", q)
	}

	l, k = managedLogin(t, config.Login{UserPass: inline("ada\none\n"), Retry: config.AuthRetryInteract}, profile.Answer{Username: "ada", Password: "CRV1::state::4711"})
	l.expect(t, "ada", "one")
	const text = "CRV1:R,E:state:YWRh:PIN"
	l.refuse(t, text, true)
	l.expect(t, "ada", "CRV1::state::4711")
	if !slices.Equal(k.refused, []string{"Auth " + text}) || !slices.Equal(k.asked, []profile.Question{both}) {
		t.Errorf("told %q, asked %+v", k.refused, k.asked)
	}
	l, _ = managedLogin(t, config.Login{UserPass: inline("ada\none\n")})
	l.refuse(t, text, false)
}

// TestControls: auth-retry and forget-passwords take effect at once, also while
// somebody is asked.
func TestControls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := managedLogin(t, config.Login{UserPass: new(config.File)})
		c := &Client{login: l}
		x := c.Controls()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { _, _, err := l.next(ctx, reach.Target{}); done <- err }()
		synctest.Wait()
		x.SetAuthRetry(config.AuthRetryInteract)
		x.ForgetPasswords()
		if x.AuthRetry() != config.AuthRetryInteract {
			t.Error("auth-retry did not change")
		}
		if err := x.Respond("Zm9v"); !errors.Is(err, ErrNoServer) {
			t.Errorf("an answer to nobody: %v", err)
		}
		l.refuse(t, "", true)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the question ended by %v", err)
		}
	})
}

// TestQuestionEndsByRestart: an answer is waited for until a restart, or the end.
func TestQuestionEndsByRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k := managedLogin(t, config.Login{UserPass: new(config.File)})
		r := make(restarts, 1)
		done := make(chan error, 1)
		go func() { done <- r.end(t.Context(), l.ready) }()
		synctest.Wait()
		r.ask()
		r.ask()
		if err := <-done; !errors.Is(err, ErrRestart) || !errors.Is(unanswered(err), ErrRestart) {
			t.Errorf("ended by %v", err)
		}
		r.forget()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- r.end(ctx, l.ready) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended by %v", err)
		}
		if len(k.asked) != 2 {
			t.Errorf("asked %d times", len(k.asked))
		}
	})
}
