package admission

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/config"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/negotiate"
)

// desk is a client's session: a control goroutine at a time, and what it was told.
type desk struct {
	from    netip.AddrPort
	control sync.Mutex
	pending []auth.Pending
	tokens  []string
	late    []error // of programs that did not decide
}

func (d *desk) Do(f func(now time.Time)) {
	go func() {
		d.control.Lock()
		defer d.control.Unlock()
		f(time.Now())
	}()
}
func (d *desk) Remote() netip.AddrPort           { return d.from }
func (d *desk) Pend(_ time.Time, p auth.Pending) { d.pending = append(d.pending, p) }
func (d *desk) Overdue(late *hooks.OverdueError) {
	d.control.Lock()
	defer d.control.Unlock()
	d.late = append(d.late, late)
}
func (d *desk) GiveToken(token string) { d.tokens = append(d.tokens, token) }

// checker knows anna, after a while; bert answers a challenge; nobody else is known.
type checker struct {
	mu    sync.Mutex
	asked []*auth.Request
	err   error
}

func (c *checker) Check(ctx context.Context, r *auth.Request, pend func(auth.Pending)) auth.Verdict {
	c.mu.Lock()
	c.asked = append(c.asked, r)
	c.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return auth.Verdict{Err: &hooks.OverdueError{What: "checker", Err: ctx.Err()}}
	}
	switch {
	case c.err != nil:
		return auth.Verdict{Err: c.err}
	case r.Username == "anna" && r.Password == "secret":
		return auth.Verdict{OK: true}
	case r.Username == "bert":
		pend(auth.Pending{Timeout: time.Minute, Extra: "CR_TEXT:R:code"})
		select {
		case answer := <-r.Answers:
			return auth.Verdict{OK: answer == "1234", Reason: "wrong code"}
		case <-ctx.Done():
			return auth.Verdict{Err: ctx.Err()}
		}
	}
	return auth.Verdict{Reason: "unknown user"}
}

// decider refuses whoever is in the map, and gives others a route.
type decider map[string]error

func (d decider) Decide(_ context.Context, a *access.Applicant, s *config.PerClient) error {
	s.Push = append(s.Push, "route 10.1.0.0 255.255.0.0")
	return d[a.Name]
}

// cert is a certificate of a name; only its bytes and names count here.
func cert(name string) *x509.Certificate {
	subject := pkix.Name{CommonName: name}
	raw, err := asn1.Marshal(subject.ToRDNSequence())
	if err != nil {
		panic(err)
	}
	return &x509.Certificate{Raw: []byte(name), Subject: subject, RawSubject: raw, SerialNumber: big.NewInt(0xabc)}
}

// hello is what a client of a name says, with a login if there is one.
func hello(name, user, password string) *session.Hello {
	h := &session.Hello{PeerInfo: negotiate.PeerInfo{"IV_VER": "2.6.14", "IV_PLAT": "linux", "IV_SSO": "webauth,crtext"}, Username: user, Password: password}
	if name != "" {
		h.TLS = tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert(name)}}
	}
	return h
}

// office is an admission in a test, with a checker unless it is nil.
func office(t *testing.T, c *config.Config, check auth.Checker, deciders ...access.Decider) *Admission {
	t.Helper()
	o := Options{Trust: new(profile.Trust), Deciders: deciders}
	if check != nil {
		o.Checkers = []auth.Checker{check}
	}
	a, err := New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.End(); a.Wait() })
	return a
}

// on does something on a visit's control goroutine, and waits for that.
func on(v *Visit, f func(now time.Time)) {
	done := make(chan struct{})
	v.door.Do(func(now time.Time) { f(now); close(done) })
	<-done
}

func leave(v *Visit) { on(v, func(time.Time) { v.Gone() }) }

// decided waits for a decision about a client, however long.
func decided(v *Visit, h *session.Hello, ask func(time.Time, *session.Hello, func(time.Time, Decision))) Decision {
	answer := make(chan Decision, 1)
	v.door.Do(func(now time.Time) { ask(now, h, func(_ time.Time, d Decision) { answer <- d }) })
	return <-answer
}

// enter introduces a client and has it decided.
func enter(a *Admission, h *session.Hello) (*Visit, *desk, Decision) {
	d := &desk{from: netip.MustParseAddrPort("198.51.100.7:1194")}
	v := a.Begin(d, 7)
	v.Introduce(h)
	return v, d, decided(v, h, v.Decide)
}

// TestWithoutLogin: a client with a good certificate comes in at once, under its
// name; without one it has none.
func TestWithoutLogin(t *testing.T) {
	a := office(t, new(config.Config), nil)
	for name, want := range map[string]string{"anna": "anna", "": access.Nameless} {
		v := a.Begin(new(desk), 0)
		if v.Identity().Name != "" {
			t.Error("it has a name before it has said one")
		}
		h := hello(name, "joe", "")
		v.Introduce(h)
		at := 0
		v.Decide(time.Now(), h, func(_ time.Time, d Decision) {
			at++
			if d.Refusal != nil || d.Settings == nil || d.Token != "" {
				t.Errorf("%+v", d)
			}
		})
		if id := v.Identity(); at != 1 || id.Name != want || id.CommonName != want || id.User != "" || id.Agent != "2.6.14 linux" {
			t.Errorf("%d answers, %+v", at, id)
		}
		leave(v)
	}
}

// TestLogin asks the checker off the control goroutine; what it says counts, and so
// does that it could not say.
func TestLogin(t *testing.T) {
	for _, c := range []struct {
		user, password string
		err            error
		optional       bool
		reason         string // "-": let in
		asked          int
	}{
		{"anna", "secret", nil, false, "-", 1},
		{"anna", "wrong", nil, false, "unknown user", 1},
		{"anna", "secret", errors.New("no such program"), false, "", 1},
		{"", "", nil, false, "a user name and a password are needed here", 0},
		{"", "", nil, true, "unknown user", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			check := &checker{err: c.err}
			a := office(t, &config.Config{Login: config.Login{UsernameAsCommonName: true}}, check)
			a.login.optional = c.optional
			v, _, d := enter(a, hello("cert", c.user, c.password))
			defer leave(v)
			switch r := d.Refusal; {
			case (r == nil) != (c.reason == "-"):
				t.Errorf("%+v: %+v", c, d)
			case r != nil && (r.Reason != c.reason || !r.Login || !errors.Is(r.Cause, c.err)):
				t.Errorf("%+v: %+v", c, r)
			case r == nil && (v.Identity().Name != "anna" || v.Identity().CommonName != "cert"):
				t.Errorf("named %+v", v.Identity())
			}
			if len(check.asked) != c.asked || v.Identity().User != c.user {
				t.Errorf("%+v: asked %d times about %q", c, len(check.asked), v.Identity().User)
			}
			if c.asked > 0 {
				r := check.asked[0]
				if r.Source.Addr().String() != "198.51.100.7" || len(r.Methods) != 2 || r.Env.Get("common_name") != "cert" || r.Number != 7 || r.Key != 0 || r.Renewal {
					t.Errorf("asked %+v", r)
				}
			}
		})
	}
}

// TestChallenge: the client is told that its login takes longer, and its answer
// reaches the checker; one that nobody asked for goes nowhere.
func TestChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := office(t, new(config.Config), new(checker))
		door := new(desk)
		v := a.Begin(door, 0)
		v.Answer("0000")
		h := hello("bert", "bert", "")
		v.Introduce(h)
		var got []Decision
		on(v, func(now time.Time) { v.Decide(now, h, func(_ time.Time, d Decision) { got = append(got, d) }) })
		time.Sleep(2 * time.Second)
		on(v, func(time.Time) {
			if len(door.pending) != 1 || door.pending[0].Timeout != time.Minute || len(got) > 0 {
				t.Errorf("told %+v, decided %+v", door.pending, got)
			}
			v.Answer("1234")
		})
		synctest.Wait()
		on(v, func(time.Time) {
			if len(got) != 1 || got[0].Refusal != nil {
				t.Errorf("%+v", got)
			}
		})
		leave(v)
	})
}

// TestNobodyWaits: an answer that comes after the client is gone, or has asked anew,
// is dropped, and the checker is told to stop. It was late, except for a client that has
// asked anew.
func TestNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := office(t, new(config.Config), new(checker))
		for _, how := range []string{"gone", "dropped", "anew"} {
			door := new(desk)
			v := a.Begin(door, 0)
			h := hello("anna", "anna", "secret")
			v.Introduce(h)
			first, second := 0, 0
			on(v, func(now time.Time) { v.Decide(now, h, func(time.Time, Decision) { first++ }) })
			on(v, func(now time.Time) {
				switch how {
				case "gone":
					v.Gone()
				case "dropped":
					v.Drop()
				default:
					v.Renew(now, h, func(time.Time, Decision) { second++ })
				}
			})
			time.Sleep(5 * time.Second)
			on(v, func(time.Time) {
				if want := map[string]int{"gone": 1, "dropped": 1}[how]; len(door.late) != want {
					t.Errorf("%s: late %v, want %d", how, door.late, want)
				}
				if first != 0 || second != map[string]int{"anew": 1}[how] {
					t.Errorf("%s: %d and %d answers", how, first, second)
				}
				v.Gone()
			})
		}
	})
}

// TestToken: it stands for the password, with the client's certificate alone, is
// made anew in time, and is over when its life is.
func TestToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		check := new(checker)
		a := office(t, &config.Config{Timers: config.Timers{RenegSec: time.Hour}}, check)
		a.login.tokens = &auth.Tokens{Key: auth.NewTokenKey(), Lifetime: 2 * time.Hour, Renewal: 10 * time.Minute}
		if a.Tokens() != a.login.tokens {
			t.Error("this process does not know that it makes their key")
		}
		v, door, first := enter(a, hello("anna", "anna", "secret"))
		if first.Refusal != nil || first.Token == "" {
			t.Fatalf("%+v", first)
		}
		time.Sleep(11 * time.Minute)
		var tokens []string
		on(v, func(time.Time) { tokens = door.tokens })
		if len(tokens) != 1 {
			t.Fatalf("%d tokens given in eleven minutes", len(tokens))
		}
		token := tokens[0]
		d := decided(v, hello("anna", "anna", token), v.Renew)
		if d.Refusal != nil || d.Token == "" || len(check.asked) != 1 {
			t.Errorf("%+v, asked %d times", d, len(check.asked))
		}
		env := strings.Join(v.Applicant().Env.List(), " ")
		for _, want := range []string{"username=anna", "session_state=Authenticated", "session_id="} {
			if !strings.Contains(env, want) {
				t.Errorf("programs are told %s, not %s", env, want)
			}
		}
		leave(v)
		thief, _, d := enter(a, hello("eve", "anna", token))
		if d.Refusal == nil || len(check.asked) != 1 {
			t.Errorf("with another certificate: %+v, asked %d times", d, len(check.asked))
		}
		leave(thief)
		time.Sleep(3 * time.Hour)
		late, _, d := enter(a, hello("anna", "anna", token))
		if d.Refusal == nil || d.Refusal.Reason != "SESSION:the login has expired" || len(check.asked) != 1 {
			t.Errorf("%+v, asked %d times", d.Refusal, len(check.asked))
		}
		leave(late)
	})
}

// TestTokenSecretRenewed: with another auth-gen-token-secret, a token of before is refused to
// a client that connects anew, so that it takes its password again, as stock 2.6.14 was seen
// to do. Who is in goes on by the secret of before.
func TestTokenSecretRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		check := new(checker)
		by := func() *Admission {
			var key strings.Builder
			if err := auth.WriteTokenKey(&key); err != nil {
				t.Fatal(err)
			}
			return office(t, &config.Config{Login: config.Login{GenToken: &config.TokenPolicy{Lifetime: time.Hour}, GenTokenSecret: &config.File{Text: []byte(key.String())}}}, check)
		}
		before, after := by(), by()
		in, _, first := enter(before, hello("anna", "anna", "secret"))
		after.Follow(before)
		if d := decided(in, hello("anna", "anna", first.Token), in.Renew); d.Refusal != nil || d.Token == "" {
			t.Errorf("who is in: %+v", d)
		}
		asked := len(check.asked)
		anew, _, d := enter(after, hello("anna", "anna", first.Token))
		if d.Refusal == nil || !d.Refusal.Login || !strings.HasPrefix(d.Refusal.Reason, "SESSION:") || len(check.asked) != asked {
			t.Errorf("with a token of before: %+v, asked %d times", d.Refusal, len(check.asked)-asked)
		}
		leave(anew)
		anew, _, d = enter(after, hello("anna", "anna", "secret"))
		if d.Refusal != nil || d.Token == "" {
			t.Errorf("with the password: %+v", d.Refusal)
		}
		if renewed := decided(anew, hello("anna", "anna", d.Token), anew.Renew); renewed.Refusal != nil {
			t.Errorf("with the new token: %+v", renewed.Refusal)
		}
		leave(anew)
		leave(in)
	})
}

// TestExternalAuth asks the checker even about good tokens, with their state.
func TestExternalAuth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		check := new(checker)
		a := office(t, new(config.Config), check)
		a.login.tokens, a.login.external = &auth.Tokens{Key: auth.NewTokenKey(), Lifetime: time.Hour}, true
		v, _, d := enter(a, hello("anna", "anna", "secret"))
		decided(v, hello("anna", "anna", d.Token), v.Renew)
		leave(v)
		if len(check.asked) != 2 {
			t.Fatalf("asked %d times", len(check.asked))
		}
		for i, want := range []string{"session_state=Initial", "session_state=Authenticated"} {
			if env := strings.Join(check.asked[i].Env.List(), " "); !strings.Contains(env, want) || !strings.Contains(env, "session_id=") {
				t.Errorf("%s: %s", want, env)
			}
		}
	})
}

// TestDeciders: each adds to the settings or refuses, in its own words or without
// any; those after a refusal are not asked.
func TestDeciders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := &access.Refusal{Reason: "come back", Later: true}
		internal := errors.New("database is down")
		one, two := decider{"bad": internal, "full": full}, decider{"last": &access.Refusal{Reason: "not you"}}
		a := office(t, new(config.Config), nil, one, two)
		for name, want := range map[string]string{"anna": "-", "bad": refusedHere, "full": "come back", "last": "not you"} {
			v, _, d := enter(a, hello(name, "", ""))
			switch {
			case (d.Refusal == nil) != (want == "-"):
				t.Errorf("%s: %+v", name, d)
			case d.Refusal == nil && len(d.Settings.Push) != 2:
				t.Errorf("%s: %+v", name, d.Settings)
			case d.Refusal != nil && (d.Refusal.Reason != want || d.Refusal.Login || d.Settings != nil):
				t.Errorf("%s: %+v", name, d.Refusal)
			case name == "bad" && !errors.Is(d.Refusal, internal):
				t.Errorf("the cause is lost: %v", d.Refusal)
			}
			leave(v)
		}
		able := negotiate.PeerInfo{"IV_PROTO": "990"}
		if got := Text(full, able); !strings.HasPrefix(got, "TEMP[") || Text(full, nil) != "come back" || Text(&access.Refusal{Reason: "no"}, able) != "no" {
			t.Errorf("told %q", got)
		}
	})
}

// TestRenewalAsksForTheLoginAlone: settings are those of the start.
func TestRenewalAsksForTheLoginAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusing := decider{}
		a := office(t, new(config.Config), new(checker), refusing)
		v, _, d := enter(a, hello("anna", "anna", "secret"))
		refusing["anna"] = errors.New("no longer")
		again := decided(v, hello("anna", "anna", "secret"), v.Renew)
		wrong := decided(v, hello("anna", "anna", "stolen"), v.Renew)
		if d.Refusal != nil || again.Refusal != nil || wrong.Refusal == nil {
			t.Errorf("%+v, %+v, %+v", d, again, wrong)
		}
		leave(v)
	})
}

// TestAwait goes on when there is an answer, and never after the end.
func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := office(t, new(config.Config), nil)
		v := a.Begin(new(desk), 0)
		ready, never, went := make(chan struct{}), make(chan struct{}), 0
		v.Await(ready, func(time.Time) { went++ })
		v.Await(never, func(time.Time) { t.Error("went on without an answer") })
		close(ready)
		synctest.Wait()
		on(v, func(time.Time) {
			if went != 1 {
				t.Errorf("went on %d times", went)
			}
		})
		a.End()
		a.Wait()
		v.End()
	})
}
