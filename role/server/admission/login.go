package admission

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/access/pki"
	"culvert/config"
	"culvert/internal/printable"
	"culvert/role/profile"
	"culvert/session"
)

// login says how clients' users are checked. Without a checker they are not.
type login struct {
	checkers []auth.Checker
	signIn   auth.Checker // asked after them about every client; nil: nobody
	tokens   *auth.Tokens // nil: none are given
	external bool         // ask the checkers even where a token is good
	optional bool         // ask the checkers even about clients without a password
}

// Sources are the names of who can be asked about logins, as Options.Counted is given them.
var Sources = []string{fromPlugin, fromProgram, fromManagement, fromAccounts}

const (
	fromPlugin     = "plugin"
	fromProgram    = "program"
	fromManagement = "management"
	fromAccounts   = "accounts"
)

func newLogin(c *config.Config, o Options, run hooks.Options) (l login, err error) {
	if n := len(o.Plugins); n < len(c.Login.Plugins) { // else anybody might come in
		return l, fmt.Errorf("%v: plugin: nothing here does the work of the plugins that check logins; serve this configuration by the command culvert", c.Login.Plugins[n].Pos)
	}
	count := func(who string, all ...auth.Checker) {
		for _, c := range all {
			l.checkers = append(l.checkers, counted(c, who, o.Counted))
		}
	}
	count(fromPlugin, o.Plugins...)
	if c.Login.UserPassVerify != nil {
		script, err := newScript(c, run)
		if err != nil {
			return l, err
		}
		count(fromProgram, script)
	}
	count(fromManagement, o.Checkers...)
	if o.SignIn != nil {
		l.signIn = counted(o.SignIn, fromAccounts, o.Counted)
	}
	policy := l.policy(c)
	tokens, err := newTokens(c, policy)
	if err != nil {
		return l, err
	}
	if !l.checks() {
		return l, nil
	}
	l.optional = c.Login.UserPassOptional
	if tokens != nil {
		l.tokens, l.external = tokens, policy.ExternalAuth
	}
	return l, nil
}

// signInLasts is how long a sign-in is remembered where auth-gen-token does not say.
const signInLasts = 30 * 24 * time.Hour

// policy returns what auth-gen-token says; nil: no tokens are given. Where only the sign-in
// is asked about logins, there are tokens without that line: it judges who shows one.
// Whoever else is asked expects the password.
func (l *login) policy(c *config.Config) *config.TokenPolicy {
	if c.Login.GenToken == nil && l.signIn != nil && len(l.checkers) == 0 {
		return &config.TokenPolicy{Lifetime: signInLasts}
	}
	return c.Login.GenToken
}

// newTokens returns the maker of tokens of a policy; nil for none.
func newTokens(c *config.Config, policy *config.TokenPolicy) (*auth.Tokens, error) {
	if policy == nil {
		return nil, nil
	}
	key := auth.NewTokenKey()
	if f := c.Login.GenTokenSecret; f != nil {
		var err error
		if key, err = auth.ParseTokenKey(f.Text); err != nil {
			return nil, fmt.Errorf("%v: auth-gen-token-secret: %w", f.Pos, err)
		}
	}
	return &auth.Tokens{Key: key, Lifetime: policy.Lifetime, Renewal: policy.Renewal}, nil
}

// newScript returns the checker that auth-user-pass-verify names.
func newScript(c *config.Config, run hooks.Options) (auth.Checker, error) {
	script := auth.Script{ViaEnv: c.Login.ViaEnv, NoPassword: c.Login.ViaEnv && !c.Process.PasswordsInEnv(), TmpDir: c.Process.TmpDir}
	var err error
	if script.Program, err = profile.NewProgram(c, "auth-user-pass-verify", c.Login.UserPassVerify, run); err != nil {
		return nil, err
	}
	if c.Login.ClientCRResponse == nil {
		return &script, nil
	}
	script.Answer, err = profile.NewProgram(c, "client-crresponse", c.Login.ClientCRResponse, run)
	return &script, err
}

// checks reports whether anybody is asked about logins.
func (l *login) checks() bool { return len(l.checkers) > 0 || l.signIn != nil }

// found is what the checks of a login say of the client.
type found struct {
	lines    []string // they add to its configuration
	user     string   // who it is, where that is not what it gave; "" for that
	nobody   bool     // it is nobody: who was asked does not go by the name that it gave
	remember bool     // it is to get a token
	note     []byte   // what that says to the sign-in
}

// check asks all checkers about a login, and returns the first refusal. A nil request
// needs no check. It may take its time.
func (l *login) check(ctx context.Context, r *auth.Request, pend func(auth.Pending)) (f found, refusal *access.Refusal) {
	if r == nil {
		return found{remember: true}, nil
	}
	checkers := l.checkers
	if r.Token != nil && !l.external {
		checkers = nil
	}
	f.remember = len(l.checkers) > 0
	for _, c := range checkers {
		v := c.Check(ctx, r, pend)
		if !v.OK {
			return f, &access.Refusal{Reason: v.Reason, Login: true, Cause: v.Err}
		}
		f.lines = append(f.lines, v.Lines...)
	}
	if l.signIn == nil {
		return f, nil
	}
	v := l.signIn.Check(ctx, r, pend)
	if !v.OK {
		return f, &access.Refusal{Reason: v.Reason, Login: true, Cause: v.Err}
	}
	f.nobody = v.User == "" && len(l.checkers) == 0
	f.lines, f.user, f.remember, f.note = append(f.lines, v.Lines...), v.User, f.remember || v.Remember, v.Note
	return f, nil
}

// credentials looks at a client's user name, password and token. It returns what has to
// be checked, nil for nothing, or why the client is refused at once.
func (v *Visit) credentials(now time.Time, h *session.Hello) (*auth.Request, *access.Refusal) {
	l := &v.admission.login
	if !l.checks() {
		return nil, nil
	}
	state, token := auth.TokenInitial, (*auth.Token)(nil)
	if l.tokens != nil {
		state, token = l.tokens.For(boundTo(h.TLS.PeerCertificates)).Check(now, h.Username, h.Password)
	}
	v.token = token
	switch {
	case h.Username == "" && h.Password == "" && !l.optional && len(l.checkers) > 0:
		return nil, &access.Refusal{Login: true, Reason: "a user name and a password are needed here"}
	case state == auth.TokenInitial || l.external && l.signIn == nil:
		return v.request(now, h, state), nil
	case state == auth.TokenAuthenticated && l.signIn != nil:
		r := v.request(now, h, state)
		r.Token = token
		return r, nil
	case state == auth.TokenAuthenticated:
		v.tellLogin(now, h, state)
		return nil, nil
	}
	return nil, &access.Refusal{Login: true, Reason: "SESSION:the login has expired"}
}

// request returns the question about a client's user.
func (v *Visit) request(now time.Time, h *session.Hello, state auth.TokenState) *auth.Request {
	if v.stop != nil {
		v.stop(errAnew)
	}
	v.Drop()
	v.answers = make(chan string, 4)
	v.tellLogin(now, h, state)
	return &auth.Request{
		Username: h.Username, Password: h.Password, CommonName: access.Name(v.Identity().CommonName), Device: showsDevice(h.TLS.PeerCertificates), Remote: v.door.Remote(), Source: session.Source(v.door.Remote().Addr()), Answers: v.answers,
		Number: v.number, Key: v.handshakes - 1, Renewal: v.handshakes > 1,
		Methods: strings.Split(h.PeerInfo["IV_SSO"], ","),
		Env:     v.Applicant().Env,
	}
}

// showsDevice reports whether a client's certificate is one of a user's device.
func showsDevice(chain []*x509.Certificate) bool { return len(chain) > 0 && pki.IsDevice(chain[0]) }

// tell notes what programs are told about the client, whose hello is h, before anybody is
// asked about it: its certificates, and what it says of itself (manual, "Environmental
// Variables").
func (v *Visit) tell(h *session.Hello) {
	env := v.Applicant().Env.Clone()
	if v.handshakes == 1 {
		env = v.admission.environment()
	}
	env.SetCertificates(v.admission.trust.Chain(h.TLS.PeerCertificates), 0, v.Identity().CommonName, v.admission.cfg.Trust.X509Track)
	env.SetAddress("untrusted", v.door.Remote())
	env.SetPeerInfo(h.PeerInfo, h.PeerInfoNames)
	setName(env, v.Identity().CommonName)
	v.change(func(a *access.Applicant) { a.Env = env })
}

// tellLogin notes what programs are told about the client's login.
func (v *Visit) tellLogin(now time.Time, h *session.Hello, state auth.TokenState) {
	env := v.Applicant().Env.Clone()
	if l := &v.admission.login; l.tokens != nil {
		if v.token == nil {
			v.token = l.tokens.Begin(now)
		}
		env.Set("session_id", v.token.SessionID())
		env.Set("session_state", state.String())
	}
	env.Set("username", printable.Value(h.Username))
	setName(env, v.Identity().CommonName)
	env.SetAddress("untrusted", v.door.Remote())
	if v.admission.cfg.Login.ViaEnv {
		env.Set("username", printable.Value(h.Username))
	}
	v.change(func(a *access.Applicant) { a.Env = env })
}

// setName sets common_name. As with OpenVPN, programs are told of none where there is none.
func setName(env *hooks.Env, name string) {
	if name != access.Nameless {
		env.Set("common_name", name)
	}
}

// issue makes or renews the client's token, and schedules the next renewal. It returns
// "" if none are given out.
func (v *Visit) issue(now time.Time) string {
	t := v.admission.login.tokens
	if t == nil || !v.remember {
		return ""
	}
	if v.token == nil {
		v.token = t.Begin(now)
	}
	if t.Renewal > 0 && t.Renewal < v.admission.cfg.Timers.RenegSec {
		v.renewLater(t.Renewal)
	}
	v.token.Note = v.note
	return t.For(boundTo(v.way)).Issue(now, cmp.Or(v.override.taken, v.given), v.token)
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
