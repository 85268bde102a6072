package admission

import (
	"context"
	"testing"

	"culvert/access/auth"
	"culvert/config"
	"culvert/role/profile"
)

// signsIn is a sign-in that lets everybody in as alice, and notes who came with a token.
type signsIn struct{ tokens int }

func (s *signsIn) Check(_ context.Context, r *auth.Request, _ func(auth.Pending)) auth.Verdict {
	if r.Token != nil && r.Username == "alice" {
		s.tokens++
	}
	return auth.Verdict{OK: true, User: "alice", Remember: true}
}

// TestTokenWithoutAName: a client that gave no user name gets one beside its token, so that
// it can show that token when its keys are renewed.
func TestTokenWithoutAName(t *testing.T) {
	s := new(signsIn)
	a, err := New(new(config.Config), Options{Trust: new(profile.Trust), SignIn: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.End(); a.Wait() })
	v, _, d := enter(a, hello("phone.alice", "", ""))
	defer leave(v)
	if d.Refusal != nil || d.Token == "" || d.Settings.OverrideUsername != "alice" {
		t.Fatalf("%+v", d)
	}
	if again := decided(v, hello("phone.alice", "alice", d.Token), v.Renew); again.Refusal != nil || again.Token == "" || s.tokens != 1 {
		t.Errorf("%+v, %d tokens", again, s.tokens)
	}
	if again := decided(v, hello("phone.alice", "", d.Token), v.Renew); again.Refusal != nil {
		t.Errorf("one that does not know auth-token-user: %+v", again)
	}
	named, _, d := enter(a, hello("phone.alice", "alice", "x"))
	defer leave(named)
	if d.Refusal != nil || d.Token == "" || d.Settings.OverrideUsername != "" {
		t.Errorf("one with a name: %+v", d)
	}
}
