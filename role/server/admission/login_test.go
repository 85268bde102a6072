package admission

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/config"
	"culvert/role/profile"
)

// asked notes that it was asked, and lets in.
type asked struct {
	name string
	all  *[]string
}

func (a asked) Check(context.Context, *auth.Request, func(auth.Pending)) auth.Verdict {
	*a.all = append(*a.all, a.name)
	return auth.Verdict{OK: true}
}

// TestPluginsAreAsked: before others, and never skipped: a configuration whose plugins
// nobody does the work of is refused.
func TestPluginsAreAsked(t *testing.T) {
	c := &config.Config{Login: config.Login{Plugins: []config.LoginPlugin{{Pos: config.Pos{File: "x.conf", Line: 7}, Service: "openvpn"}}}}
	if _, err := newLogin(c, Options{}, hooks.Options{}); err == nil || !strings.HasPrefix(err.Error(), "x.conf:7: plugin: nothing here does") {
		t.Error(err)
	}
	var all []string
	l, err := newLogin(c, Options{Plugins: []auth.Checker{asked{"plugin", &all}}, Checkers: []auth.Checker{asked{"management", &all}}}, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, refusal := l.check(t.Context(), &auth.Request{}, nil); refusal != nil || !slices.Equal(all, []string{"plugin", "management"}) {
		t.Errorf("asked %q, %v", all, refusal)
	}
}

// signer lets everybody in, and knows who they are from what they show, not what they say.
type signer struct{ asked []*auth.Request }

func (s *signer) Check(_ context.Context, r *auth.Request, _ func(auth.Pending)) auth.Verdict {
	s.asked = append(s.asked, r)
	if r.Token != nil {
		return auth.Verdict{OK: true, User: r.Username, Remember: true, Note: r.Token.Note}
	}
	user, _, _ := strings.Cut(r.Password, " ")
	return auth.Verdict{OK: true, User: user, Remember: true, Note: []byte(user)}
}

// TestRenewalKeepsTheUser: who came in stays who they are, also while and after a renewal of
// keys that says no user name; a renewal by another user is refused.
func TestRenewalKeepsTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := New(new(config.Config), Options{Trust: new(profile.Trust), SignIn: new(signer)})
		if err != nil {
			t.Fatal(err)
		}
		v, _, d := enter(a, hello("", "", "anna by a page"))
		for range 2 {
			if who := v.Applicant(); who.User != "anna" || !who.SignedIn || d.Refusal != nil {
				t.Errorf("in as %q, signed in %v: %+v", who.User, who.SignedIn, d.Refusal)
			}
			d = decided(v, hello("", "", "anna by a page"), v.Renew)
		}
		if d = decided(v, hello("", "", "eve by a page"), v.Renew); d.Refusal == nil || v.Applicant().User != "anna" {
			t.Errorf("another user: in as %q, %+v", v.Applicant().User, d)
		}
		leave(v)
	})
}

// TestNameThatNobodyChecks: where the sign-in lets a client in that need not sign in, the name
// that it gives says nothing; unless a program checked it.
func TestNameThatNobodyChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, others := range [][]auth.Checker{nil, {asked{"a program", new([]string)}}} {
			want := map[bool]string{true: "admin"}[others != nil]
			a, err := New(new(config.Config), Options{Trust: new(profile.Trust), Checkers: others, SignIn: asked{"sign-in", new([]string)}})
			if err != nil {
				t.Fatal(err)
			}
			v, _, d := enter(a, hello("laptop", "admin", "x"))
			for range 2 {
				if got := v.Applicant(); d.Refusal != nil || got.SignedIn || got.User != want || got.Env.Get("username") != want {
					t.Errorf("in as %q, programs are told %q, want %q; %+v", got.User, got.Env.Get("username"), want, d.Refusal)
				}
				d = decided(v, hello("laptop", "admin", "x"), v.Renew)
			}
			leave(v)
		}
	})
}

// TestSignInSeesTokens: the sign-in is told what it noted, also where programs are asked even
// about good tokens, and does not take one for a password.
func TestSignInSeesTokens(t *testing.T) {
	for _, external := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			sign := new(signer)
			c := &config.Config{Login: config.Login{GenToken: &config.TokenPolicy{Lifetime: time.Hour, ExternalAuth: external}}}
			a, err := New(c, Options{Trust: new(profile.Trust), Checkers: []auth.Checker{asked{"a program", new([]string)}}, SignIn: sign})
			if err != nil {
				t.Fatal(err)
			}
			v, _, d := enter(a, hello("anna", "anna", "anna"))
			for range 2 {
				token := d.Token
				if d = decided(v, hello("anna", "anna", token), v.Renew); d.Refusal != nil || d.Token == "" {
					t.Fatalf("external %v: %+v", external, d)
				}
			}
			for i, r := range sign.asked {
				if i > 0 && (r.Token == nil || string(r.Token.Note) != "anna") {
					t.Errorf("external %v, %d: token %+v", external, i, r.Token)
				}
			}
			leave(v)
			time.Sleep(2 * time.Hour)
			late, _, d := enter(a, hello("anna", "anna", d.Token))
			if d.Refusal == nil || len(sign.asked) != 3 {
				t.Errorf("external %v, expired: %+v, asked %d times", external, d, len(sign.asked))
			}
			leave(late)
		})
	}
}
