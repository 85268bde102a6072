package session

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"culvert/session/negotiate"
	"culvert/session/wrap"
)

// eventOf finds the last event of a kind.
func eventOf[T Event](e *end) (found T, ok bool) {
	for _, event := range e.events {
		if t, is := event.(T); is {
			found, ok = t, true
		}
	}
	return found, ok
}

func hasEvent[T Event](e *end) bool { _, ok := eventOf[T](e); return ok }

var quickPath = path{delay: 10 * time.Millisecond}

// withUser is a pair whose client has a password and whose server asks again
// when keys are renewed.
func withUser(t *testing.T, tune func(client, server *Config)) *pair {
	return newPair(t, quickPath, func(client, server *Config, _ *wrap.Armour) {
		client.Username, client.Password = "ada", "secret"
		client.RenegAfter, server.Reauthenticate = time.Minute, true
		if tune != nil {
			tune(client, server)
		}
	})
}

func TestRenegotiationWaitsForVerdict(t *testing.T) {
	p := withUser(t, nil)
	p.run(10*time.Second, p.established)
	p.run(2*time.Minute, func() bool { return hasEvent[Reauth](p.server) })
	r, _ := eventOf[Reauth](p.server)
	if r.Username != "ada" || r.Password != "secret" || r.Key != 1 {
		t.Fatalf("asked about %q %q, key %d", r.Username, r.Password, r.Key)
	}
	p.pass(20 * time.Second)
	if hasEvent[Rekeyed](p.client) || hasEvent[Rekeyed](p.server) {
		t.Fatal("new keys are in use before the verdict")
	}
	p.exchange(p.client, p.server)
	p.exchange(p.server, p.client)
	p.server.Readmit(p.now, r.Key)
	p.run(5*time.Second, func() bool { return hasEvent[Rekeyed](p.client) && hasEvent[Rekeyed](p.server) })
	p.exchange(p.client, p.server)
	p.exchange(p.server, p.client)
}

func TestExpel(t *testing.T) {
	p := withUser(t, nil)
	p.run(2*time.Minute, func() bool { return p.server.Session != nil && hasEvent[Reauth](p.server) })
	p.server.Expel(p.now, 1, "SESSION:gone")
	p.run(5*time.Second, func() bool { return p.client.Err() != nil && p.server.Err() != nil })
	var refused *AuthFailedError
	if !errors.As(p.client.Err(), &refused) || !refused.SessionOver || refused.Reason != "gone" {
		t.Errorf("client: %v", p.client.Err())
	}
	if hasEvent[Rekeyed](p.server) {
		t.Error("new keys of an expelled client are in use")
	}
}

// TestLateVerdict: a verdict about a key that is gone changes nothing.
func TestLateVerdict(t *testing.T) {
	p := withUser(t, func(client, _ *Config) { client.HandWindow = 30 * time.Second })
	p.run(2*time.Minute, func() bool { return p.server.Session != nil && hasEvent[Reauth](p.server) })
	p.run(2*time.Minute, func() bool { return hasEvent[RekeyFailed](p.server) })
	p.server.Readmit(p.now, 1)
	p.server.Expel(p.now, 1, "late")
	p.turn(p.server)
	if p.server.Err() != nil || hasEvent[Rekeyed](p.server) {
		t.Fatalf("a late verdict had an effect: %v", p.server.Err())
	}
	p.exchange(p.client, p.server)
}

func TestTokenTakesThePasswordsPlace(t *testing.T) {
	p := withUser(t, func(client, _ *Config) { client.ForgetLogin = true })
	name := base64.StdEncoding.EncodeToString([]byte("countess"))
	p.admit = func(h *Hello) {
		p.admitHello(h, []string{"ifconfig 10.8.0.2 255.255.255.0", "auth-token one", "auth-token-user " + name})
	}
	p.run(10*time.Second, p.established)
	if got, _ := eventOf[Token](p.client); got != (Token{"countess", "one"}) {
		t.Fatalf("client reports %+v", got)
	}
	p.server.GiveToken("two")
	p.run(10*time.Second, func() bool { got, _ := eventOf[Token](p.client); return got == Token{"countess", "two"} })
	p.run(2*time.Minute, func() bool { return hasEvent[Reauth](p.server) })
	if r, _ := eventOf[Reauth](p.server); r.Username != "countess" || r.Password != "two" {
		t.Errorf("renewed with %q %q", r.Username, r.Password)
	}
	if hasEvent[LoginNeeded](p.client) {
		t.Error("the client asks in spite of its token")
	}
}

func TestForgottenLoginIsAskedFor(t *testing.T) {
	p := withUser(t, func(client, _ *Config) { client.ForgetLogin = true })
	p.run(10*time.Second, p.established)
	if p.client.handshake.login.password != "" {
		t.Error("the password is still there")
	}
	p.run(2*time.Minute, func() bool { return hasEvent[LoginNeeded](p.client) })
	p.pass(10 * time.Second)
	p.client.Login("ada", "again")
	p.run(10*time.Second, func() bool { return hasEvent[Reauth](p.server) })
	if r, _ := eventOf[Reauth](p.server); r.Password != "again" {
		t.Errorf("renewed with %q", r.Password)
	}
}

// TestPendingOutlivesHandWindow: a login that says so may take longer than a
// handshake, and questions and answers pass meanwhile.
func TestPendingOutlivesHandWindow(t *testing.T) {
	p := withUser(t, func(client, server *Config) { client.RenegAfter, server.RenegAfter = time.Hour, time.Hour })
	var hello *Hello
	p.admit = func(h *Hello) { hello = h }
	p.run(10*time.Second, func() bool { return hello != nil })
	if err := p.server.Pend(p.now, 5*time.Minute, "CR_TEXT:R,E:The code, please"); err != nil {
		t.Fatal(err)
	}
	p.run(10*time.Second, func() bool { return hasEvent[InfoPre](p.client) })
	if got, _ := eventOf[AuthPending](p.client); got.Timeout != 5*time.Minute {
		t.Errorf("pending for %v", got.Timeout)
	}
	if i, _ := eventOf[InfoPre](p.client); i.Challenge != "The code, please" || !i.Answer || !i.Echo {
		t.Errorf("%+v", i)
	}
	p.client.Answer("4711")
	p.run(10*time.Second, func() bool { return hasEvent[ChallengeAnswered](p.server) })
	if a, _ := eventOf[ChallengeAnswered](p.server); a.Response != "NDcxMQ==" {
		t.Errorf("answer %q", a.Response)
	}
	p.pass(4 * time.Minute)
	p.admitHello(hello, []string{"ifconfig 10.8.0.2 255.255.255.0"})
	p.run(10*time.Second, p.established)
}

// TestServerGoneWhilePending: a client does not wait for a server that fell
// silent as long as for one that checks.
func TestServerGoneWhilePending(t *testing.T) {
	p := withUser(t, func(client, _ *Config) { client.RenegAfter = time.Hour })
	p.admit = func(*Hello) { p.server.Pend(p.now, 20*time.Minute, "") }
	p.run(10*time.Second, func() bool { return hasEvent[AuthPending](p.client) })
	p.pass(5 * time.Minute)
	if p.client.Err() != nil {
		t.Fatalf("ended while the server answers: %v", p.client.Err())
	}
	p.path.loss = 1
	p.run(70*time.Second, func() bool { return p.client.Err() != nil })
}

func TestPendingEnds(t *testing.T) {
	p := withUser(t, nil)
	p.admit = func(*Hello) { p.server.Pend(p.now, 90*time.Second, "") }
	p.run(2*time.Minute, func() bool { return p.client.Err() != nil && p.server.err() != nil })
	if age := p.now.Sub(p.client.data.born); age < 60*time.Second {
		t.Errorf("ended after %v", age)
	}
}

// TestPendingWithinRenegotiation: the client that knows the new key already is
// not let in with it before the verdict.
func TestPendingWithinRenegotiation(t *testing.T) {
	p := withUser(t, nil)
	p.run(2*time.Minute, func() bool { return p.server.Session != nil && hasEvent[Reauth](p.server) })
	if err := p.server.Pend(p.now, 50*time.Second, "OPEN_URL:https://login.example"); err != nil {
		t.Fatal(err)
	}
	p.run(5*time.Second, func() bool { return hasEvent[InfoPre](p.client) })
	if hasEvent[Rekeyed](p.server) {
		t.Fatal("the new key is in use")
	}
	p.server.Readmit(p.now, 1)
	p.run(5*time.Second, func() bool { return hasEvent[Rekeyed](p.server) })
	p.exchange(p.client, p.server)
	p.exchange(p.server, p.client)
}

func TestHostileAnswers(t *testing.T) {
	p := withUser(t, nil)
	p.run(10*time.Second, p.established)
	p.client.Send("CR_RESPONSE," + strings.Repeat("x", maxChallengeAnswer+1))
	p.client.Send("CR_RESPONSE,a\nb")
	p.server.Send("AUTH_PENDING,timeout 99999999999999999999,")
	p.server.Send("PUSH_REPLY,route 0.0.0.0 0.0.0.0,auth-token")
	p.pass(time.Second)
	if hasEvent[ChallengeAnswered](p.server) || hasEvent[AuthPending](p.client) || hasEvent[Token](p.client) {
		t.Error("nonsense was taken")
	}
	p.exchange(p.client, p.server)
}

func FuzzLoginMessages(f *testing.F) {
	for _, s := range []string{"CRV1:R,E:state:Y3Ix:Please", "CRV1:::", "CRV1:R:x:%%:y", "timeout 60", "timeout 9,foo",
		"WEB_AUTH:proxy=[::1];8080;,hidden:https://x/y", "OPEN_URL:https://x", "CR_TEXT:R:q", "auth-token x", "auth-token-user !!"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := negotiate.ParseChallenge(s); err == nil && !strings.Contains(c.Password("a"), c.State) {
			t.Error("the state is lost")
		}
		if i := negotiate.ParseInfoPre(s); i.URL != "" && !strings.HasPrefix(i.URL, "http") {
			t.Errorf("%q became the address %q", s, i.URL)
		}
		if d := negotiate.ParseAuthPending(s, time.Minute); d <= 0 {
			t.Errorf("%q: %v", s, d)
		}
		negotiate.ParseToken([]string{s})
	})
}

// TestLoginIsForgotten: once it was sent, where that is asked for; a token is
// kept, and goes with the name that was last sent.
func TestLoginIsForgotten(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		l := login{username: "ada", password: "secret", forgets: forgets}
		if l.forgotten() {
			t.Error("forgotten before it was sent")
		}
		if username, password := l.use(); username != "ada" || password != "secret" {
			t.Errorf("sent %q %q", username, password)
		}
		if l.forgotten() != forgets || (l.password == "") != forgets {
			t.Errorf("forgets %v, left %+v", forgets, l)
		}
		if _, ok := l.takeToken([]string{"route 10.0.0.0 255.0.0.0"}); ok {
			t.Error("a token out of nothing")
		}
		if token, ok := l.takeToken([]string{"auth-token one"}); !ok || token != (Token{"ada", "one"}) {
			t.Errorf("forgets %v: %+v", forgets, token)
		}
		for range 2 {
			if username, password := l.use(); username != "ada" || password != "one" || l.forgotten() {
				t.Errorf("forgets %v: sent %q %q, left %+v", forgets, username, password, l)
			}
		}
		if token, ok := l.takeToken([]string{"auth-token-user Y291bnRlc3M=", "auth-token two"}); !ok || token != (Token{"countess", "two"}) {
			t.Errorf("forgets %v: %+v", forgets, token)
		}
	}
}

// TestBoundPending: half the life of a key, or half an hour, and hand-window at
// least.
func TestBoundPending(t *testing.T) {
	for _, c := range []struct{ reneg, hand, asked, want time.Duration }{
		{0, time.Minute, time.Hour, maxPending}, {0, time.Minute, maxPending, maxPending}, {0, time.Minute, time.Second, time.Second},
		{time.Hour, time.Minute, time.Hour, 30 * time.Minute}, {10 * time.Minute, time.Minute, time.Hour, 5 * time.Minute}, {time.Minute, time.Minute, time.Hour, time.Minute},
		{0, time.Hour, 2 * time.Hour, time.Hour},
	} {
		cfg := Config{RenegAfter: c.reneg, HandWindow: c.hand}
		if got := cfg.boundPending(c.asked); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
