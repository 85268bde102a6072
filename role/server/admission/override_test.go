package admission

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/config"
)

// renaming is a decider that gives every client's user another name.
type renaming string

func (r renaming) Decide(_ context.Context, _ *access.Applicant, s *config.PerClient) error {
	s.OverrideUsername = string(r)
	return nil
}

// TestOverrideUsername: the checker is asked by the name that the client gave, and later
// by the other; its tokens are for the other; a client that comes with a third is refused.
func TestOverrideUsername(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		check := new(checker)
		a := office(t, &config.Config{Login: config.Login{UsernameAsCommonName: true}}, check, renaming("bob"))
		a.login.tokens = &auth.Tokens{Key: auth.NewTokenKey(), Lifetime: time.Hour}
		v, _, d := enter(a, hello("cert", "anna", "secret"))
		defer leave(v)
		if id := v.Identity(); d.Refusal != nil || id.User != "bob" || id.Name != "anna" || check.asked[0].Username != "anna" {
			t.Fatalf("%+v, %+v", d, id)
		}
		for _, name := range []string{"bob", "anna"} {
			if d := decided(v, hello("cert", name, d.Token), v.Renew); d.Refusal != nil || v.Identity().User != "bob" {
				t.Errorf("renewed as %s: %+v, %s", name, d, v.Identity().User)
			}
		}
		for _, name := range []string{"eve", ""} {
			if d := decided(v, hello("cert", name, d.Token), v.Renew); d.Refusal == nil || !d.Refusal.Login {
				t.Errorf("renewed as %q: %+v", name, d)
			}
		}
		if d := decided(v, hello("cert", "anna", "secret"), v.Renew); d.Refusal == nil || check.asked[1].Username != "bob" {
			t.Errorf("the checker was not asked about bob, whom it does not know: %+v", d)
		}
		again, _, d := enter(a, hello("cert", "bob", d.Token))
		defer leave(again)
		if d.Refusal != nil || len(check.asked) != 2 {
			t.Errorf("with the token under the other name, anew: %+v, asked %d times", d, len(check.asked))
		}
	})
}
