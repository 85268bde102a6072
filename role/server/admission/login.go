package admission

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/config"
	"culvert/role/profile"
	"culvert/session"
)

// login says how clients' users are checked. Without a checker they are not.
type login struct {
	checker  auth.Checker
	tokens   *auth.Tokens // nil: none are given
	external bool         // ask checker even where a token is good
	optional bool         // ask checker even about clients without a password
}

func newLogin(c *config.Config, slots *auth.Slots) (l login, err error) {
	if c.Login.UserPassVerify == nil {
		return l, nil
	}
	env := profile.ProgramVariables(c.Process)
	script := auth.Script{ViaEnv: c.Login.ViaEnv, TmpDir: c.Process.TmpDir}
	if script.Program, err = auth.NewProgram("auth-user-pass-verify", c.Login.UserPassVerify, env); err != nil {
		return l, err
	}
	script.Program.Within(slots)
	if c.Login.ClientCRResponse != nil {
		if script.Answer, err = auth.NewProgram("client-crresponse", c.Login.ClientCRResponse, env); err != nil {
			return l, err
		}
		script.Answer.Within(slots)
	}
	l.checker, l.optional = &script, c.Login.UserPassOptional
	if policy := c.Login.GenToken; policy != nil {
		key := auth.NewTokenKey()
		if f := c.Login.GenTokenSecret; f != nil {
			if key, err = auth.ParseTokenKey(f.Text); err != nil {
				return l, fmt.Errorf("%v: auth-gen-token-secret: %w", f.Pos, err)
			}
		}
		l.tokens = &auth.Tokens{Key: key, Lifetime: policy.Lifetime, Renewal: policy.Renewal}
		l.external = policy.ExternalAuth
	}
	return l, nil
}

// check checks a login; a nil one needs no check. It may take its time.
func (l *login) check(ctx context.Context, r *auth.Request, pend func(auth.Pending)) *access.Refusal {
	if r == nil {
		return nil
	}
	if v := l.checker.Check(ctx, r, pend); !v.OK {
		return &access.Refusal{Reason: v.Reason, Login: true, Cause: v.Err}
	}
	return nil
}

// credentials looks at a client's user name, password and token. It returns what has to
// be checked, nil for nothing, or why the client is refused at once.
func (v *Visit) credentials(now time.Time, h *session.Hello) (*auth.Request, *access.Refusal) {
	l := &v.admission.login
	if l.checker == nil {
		return nil, nil
	}
	state, token := auth.TokenInitial, (*auth.Token)(nil)
	if l.tokens != nil {
		state, token = l.tokens.For(boundTo(h.TLS.PeerCertificates)).Check(now, h.Username, h.Password)
	}
	v.token = token
	v.change(func(id *access.Identity) { id.User = h.Username })
	switch {
	case h.Username == "" && h.Password == "" && !l.optional:
		return nil, &access.Refusal{Login: true, Reason: "a user name and a password are needed here"}
	case state == auth.TokenInitial || l.external:
		return v.request(now, h, state), nil
	case state == auth.TokenAuthenticated:
		return nil, nil
	}
	return nil, &access.Refusal{Login: true, Reason: "SESSION:the login has expired"}
}

// request returns the question about a client's user.
func (v *Visit) request(now time.Time, h *session.Hello, state auth.TokenState) *auth.Request {
	v.Drop()
	v.answers = make(chan string, 4)
	return &auth.Request{
		Username: h.Username, Password: h.Password, Source: session.Source(v.door.Remote().Addr()), Answers: v.answers,
		Methods: strings.Split(h.PeerInfo["IV_SSO"], ","),
		Env:     v.environment(now, h, state),
	}
}

// environment returns the variables that tell a program about a client (manual,
// "Environmental Variables").
func (v *Visit) environment(now time.Time, h *session.Hello, state auth.TokenState) []string {
	var env auth.Variables
	env.Set("common_name", v.Identity().CommonName)
	profile.AddressVariables(&env, "untrusted", v.door.Remote())
	for name, value := range h.PeerInfo {
		env.SetPeer(name, value)
	}
	for depth, cert := range h.TLS.PeerCertificates {
		for _, one := range profile.CertificateVariables(depth, cert) {
			env.Set(one.Name, one.Value)
		}
	}
	if l := &v.admission.login; l.tokens != nil && l.external {
		env.Set("session_state", state.String())
		if v.token == nil {
			v.token = l.tokens.Begin(now)
		}
		env.Set("session_id", v.token.SessionID())
	}
	return env
}

// issue makes or renews the client's token, and schedules the next renewal. It returns
// "" if none are given out.
func (v *Visit) issue(now time.Time) string {
	t := v.admission.login.tokens
	if t == nil {
		return ""
	}
	if v.token == nil {
		v.token = t.Begin(now)
	}
	if t.Renewal > 0 && t.Renewal < v.admission.cfg.Timers.RenegSec {
		v.renewLater(t.Renewal)
	}
	return t.For(boundTo(v.way)).Issue(now, v.Identity().User, v.token)
}

func (v *Visit) renewLater(after time.Duration) {
	if v.renewal != nil {
		v.renewal.Stop()
	}
	v.renewal = time.AfterFunc(after, func() {
		v.door.Do(func(now time.Time) { v.door.GiveToken(v.issue(now)) })
	})
}

// boundTo returns what a token is bound to: the certificate of the client that gets
// it. So a token does not outlive a revocation.
func boundTo(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return ""
	}
	sum := sha256.Sum256(chain[0].Raw)
	return string(sum[:])
}
