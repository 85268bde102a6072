package client

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/config"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/session/negotiate"
)

// user answers questions in turn; each question must contain what is expected.
type user struct {
	t       *testing.T
	answers [][2]string // question, answer
}

func (u *user) ask(question string, echo bool) (string, error) {
	u.t.Helper()
	if len(u.answers) == 0 {
		u.t.Fatalf("asked once too often: %s", question)
	}
	next := u.answers[0]
	u.answers = u.answers[1:]
	if !strings.Contains(question, next[0]) || echo == strings.HasPrefix(question, "Password") {
		u.t.Errorf("asked %q (echo %v), expected %q", question, echo, next[0])
	}
	return next[1], nil
}

func newTestLogin(t *testing.T, c *config.Config, answers ...[2]string) *login {
	t.Helper()
	u := &user{t: t, answers: answers}
	l, err := newLogin(c, u.ask, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if len(u.answers) > 0 {
			t.Errorf("never asked: %v", u.answers)
		}
	})
	return l
}

func (l *login) expect(t *testing.T, username, password string) {
	t.Helper()
	gotName, got, err := l.next(t.Context(), reach.Target{})
	if gotName != username || got != password || err != nil {
		t.Errorf("sends %q %q, %v; want %q %q", gotName, got, err, username, password)
	}
}

func inline(text string) *config.File { return &config.File{Inline: true, Text: []byte(text)} }

func refusal(reason string) *session.AuthFailedError {
	return &session.AuthFailedError{Restart: negotiate.ParseAuthFailed(reason)}
}

func (l *login) refuse(t *testing.T, reason string, again bool) {
	t.Helper()
	if got, _, err := l.refused(refusal(reason), false); got != again {
		t.Errorf("after %q again: %v, %v", reason, got, err)
	}
}

func TestLoginSources(t *testing.T) {
	newTestLogin(t, new(config.Config)).expect(t, "", "")
	newTestLogin(t, &config.Config{Login: config.Login{UserPass: inline("ada\r\npass word\r\n")}}).expect(t, "ada", "pass word")
	l := newTestLogin(t, &config.Config{Login: config.Login{UserPass: inline("ada\n")}}, [2]string{"ada", "secret"})
	l.expect(t, "ada", "secret")
	l.expect(t, "ada", "secret")
	newTestLogin(t, &config.Config{Login: config.Login{UserPass: new(config.File), UsernameOnly: true}}, [2]string{"User name", "ada"}).expect(t, "ada", "[[BLANK]]")
	if _, err := newLogin(&config.Config{Login: config.Login{UserPass: new(config.File)}}, nil, nil); err == nil {
		t.Error("nobody to ask, and no word of it")
	}
}

func TestLoginNotCached(t *testing.T) {
	l := newTestLogin(t, &config.Config{Login: config.Login{UserPass: new(config.File), NoCache: true}},
		[2]string{"User name", "ada"}, [2]string{"Password", "one"}, [2]string{"User name", "ada"}, [2]string{"Password", "two"})
	l.expect(t, "ada", "one")
	l.expect(t, "ada", "two")

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "up"), []byte("ada\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &config.File{Name: "up", Text: []byte("ada\nthree\n")}
	l = newTestLogin(t, &config.Config{Login: config.Login{UserPass: f, NoCache: true}, Process: config.Process{Cd: dir}})
	for range 2 {
		l.expect(t, "ada", "three")
		if l.password != "" || f.Text != nil {
			t.Error("the password is still there")
		}
	}
}

func TestTokenAndFallback(t *testing.T) {
	l := newTestLogin(t, &config.Config{Login: config.Login{UserPass: inline("ada\nsecret")}})
	l.expect(t, "ada", "secret")
	l.setToken(reach.Target{}, session.Token{Username: "ada", Token: "T1"})
	l.expect(t, "ada", "T1")
	l.refuse(t, "SESSION:expired", true)
	l.expect(t, "ada", "secret")
	l.refuse(t, "wrong", false)
}

func TestAuthRetry(t *testing.T) {
	l := newTestLogin(t, &config.Config{Login: config.Login{UserPass: inline("ada\nsecret"), Retry: config.AuthRetryNoInteract}})
	l.refuse(t, "wrong", true)
	l.expect(t, "ada", "secret")
	l = newTestLogin(t, &config.Config{Login: config.Login{UserPass: new(config.File), Retry: config.AuthRetryInteract}},
		[2]string{"User name", "ada"}, [2]string{"Password", "wrong"}, [2]string{"User name", "ada"}, [2]string{"Password", "right"})
	l.expect(t, "ada", "wrong")
	l.refuse(t, "", true)
	l.expect(t, "ada", "right")
}

// TestSameAgain: a password that was refused is tried again as it is in the file by
// then, and as what people have to mend.
func TestSameAgain(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "up"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := &config.Config{Login: config.Login{UserPass: &config.File{Name: "up", Text: []byte("ada\nwrong\n")}, Retry: config.AuthRetryNoInteract}, Process: config.Process{Cd: dir}}
	l := newTestLogin(t, cfg)
	for _, half := range []string{"ada\n", ""} { // while somebody writes it
		write(half)
		l.refuse(t, "", true)
		l.expect(t, "ada", "wrong")
	}
	write("ada\nright\n")
	c := &Client{cfg: cfg, login: l}
	if v := c.afterwards(refusal("")); v != (verdict{sameServer: true, permanent: true}) {
		t.Errorf("%+v", v)
	}
	l.expect(t, "ada", "right")
}

// TestRefusalInWords: who was refused, by what, and what to do about it; but for
// refusals that are no verdict on a password.
func TestRefusalInWords(t *testing.T) {
	named := &config.Config{Login: config.Login{UserPass: &config.File{Name: "up", Text: []byte("joe\nsecret")}}}
	typed := &config.Config{Login: config.Login{UserPass: new(config.File)}}
	for _, tt := range []struct {
		cfg          *config.Config
		reason, want string
	}{
		{named, "", `the server refused the login of user "joe" (AUTH_FAILED; auth-user-pass up): wrong name or password, or a one-time code that was used or is over; correct the file up,`},
		{named, "locked", `the server refused the login of user "joe" (AUTH_FAILED; auth-user-pass up): the server says: locked`},
		{&config.Config{Login: config.Login{UserPass: inline("joe\nsecret")}}, "", "correct the lines at"},
		{typed, "", "type both again"},
		{new(config.Config), "", "the server refused the login of this client's certificate (AUTH_FAILED): the server gives no reason"},
		{named, "TEMP:later", refusal("TEMP:later").Error()},
		{named, "SESSION:over", refusal("SESSION:over").Error()},
		{named, "CRV1:R:id:am9l:PIN", refusal("CRV1:R:id:am9l:PIN").Error()},
	} {
		var answers [][2]string
		if tt.cfg == typed {
			answers = [][2]string{{"User name", "joe"}, {"Password", "secret"}}
		}
		l := newTestLogin(t, tt.cfg, answers...)
		if tt.cfg.Login.UserPass != nil {
			l.expect(t, "joe", "secret")
		}
		err := l.explain(&lostError{refusal(tt.reason)})
		if !strings.HasPrefix(err.Error(), "connection lost: ") || !strings.Contains(err.Error(), tt.want) || !errors.As(err, new(*session.AuthFailedError)) {
			t.Errorf("%q: %v\nwant %s", tt.reason, err, tt.want)
		}
	}
}

func TestChallenges(t *testing.T) {
	l := newTestLogin(t, &config.Config{Login: config.Login{UserPass: inline("ada\nsecret"), StaticChallenge: &config.StaticChallenge{Text: "The code?", Echo: true}}},
		[2]string{"The code?", "1"}, [2]string{"The code?", "2"})
	l.expect(t, "ada", "SCRV1:c2VjcmV0:MQ==")
	l.expect(t, "ada", "SCRV1:c2VjcmV0:Mg==")
	l = newTestLogin(t, &config.Config{Login: config.Login{UserPass: inline("ada\nsecret"), StaticChallenge: &config.StaticChallenge{Text: "The code?", Echo: true, Concat: true}}},
		[2]string{"The code?", "99"})
	l.expect(t, "ada", "secret99")

	l = newTestLogin(t, &config.Config{Login: config.Login{UserPass: inline("ada\nsecret"), Retry: config.AuthRetryInteract}}, [2]string{"Your PIN", "4711"})
	l.expect(t, "ada", "secret")
	l.refuse(t, "CRV1:R,E:state:YWRhMg==:Your PIN", true)
	l.expect(t, "ada2", "CRV1::state::4711")
	l.expect(t, "ada", "secret")
	l.refuse(t, "CRV1:nonsense", false)
	l = newTestLogin(t, &config.Config{Login: config.Login{UserPass: inline("ada\nsecret")}})
	l.refuse(t, "CRV1:R,E:state:YWRhMg==:Your PIN", false)
}

// TestNobodyAnswers: a question nobody answers does not keep a client that is
// told to end.
func TestNobodyAnswers(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	var ask profile.Ask = func(string, bool) (string, error) { <-block; return "", nil }
	l, err := newLogin(&config.Config{Login: config.Login{UserPass: new(config.File)}}, ask, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := l.next(ctx, reach.Target{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
