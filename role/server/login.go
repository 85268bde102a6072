package server

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
	"sync"
	"time"

	"culvert/access/auth"
	"culvert/access/pki"
	"culvert/config"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/wire"
)

// logins is how a server checks who its clients' users are. Without a checker
// nobody is asked.
type logins struct {
	checker  auth.Checker
	tokens   *auth.Tokens // nil: none are given
	external bool         // ask checker even where a token is good
	optional bool         // ask it even about clients without a password

	keyCheck *auth.Program // tls-crypt-v2-verify
	slots    *auth.Slots   // of all programs that run for clients

	// ctx ends every check, and running has those that are not over.
	ctx     context.Context
	end     context.CancelFunc
	running *sync.WaitGroup
}

func newLogins(c *config.Config) (l logins, err error) {
	l.running = new(sync.WaitGroup)
	l.ctx, l.end = context.WithCancel(context.Background())
	l.slots = auth.NewSlots(profile.ProgramsAtOnce)
	env := profile.ProgramVariables(c)
	if c.Trust.TLSCryptV2Verify != nil {
		if l.keyCheck, err = auth.NewProgram("tls-crypt-v2-verify", c.Trust.TLSCryptV2Verify, nil); err != nil {
			return l, err
		}
		l.keyCheck.Within(l.slots)
	}
	if c.Login.UserPassVerify == nil {
		return l, nil
	}
	script := auth.Script{ViaEnv: c.Login.ViaEnv, TmpDir: c.Process.TmpDir}
	if script.Program, err = auth.NewProgram("auth-user-pass-verify", c.Login.UserPassVerify, env); err != nil {
		return l, err
	}
	script.Program.Within(l.slots)
	if c.Login.ClientCRResponse != nil {
		if script.Answer, err = auth.NewProgram("client-crresponse", c.Login.ClientCRResponse, env); err != nil {
			return l, err
		}
		script.Answer.Within(l.slots)
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

// login is a client's user while he is checked, and what is known of him then.
// It belongs to the client's control goroutine, but for answers.
type login struct {
	cancel  context.CancelFunc // of the check under way
	serial  int                // of that check
	answers chan string        // to challenges, from the client
	user    string             // as the client gave it
	token   *auth.Token        // nil until it has one
	renew   *time.Timer        // gives it another one
}

// check decides about a client's user, by token, at once, or by the checker
// and later, and calls done on the client's control goroutine.
func (s *Server) check(c *client, now time.Time, h *session.Hello, done func(now time.Time, v auth.Verdict)) {
	if s.logins.checker == nil {
		done(now, auth.Verdict{OK: true})
		return
	}
	state, token := auth.TokenInitial, (*auth.Token)(nil)
	if t := s.logins.tokens; t != nil {
		state, token = t.For(boundTo(h.TLS.PeerCertificates)).Check(now, h.Username, h.Password)
	}
	c.login.user, c.login.token = h.Username, token
	c.introduce()
	switch {
	case h.Username == "" && h.Password == "" && !s.logins.optional:
		done(now, auth.Verdict{Reason: "a user name and a password are needed here"})
	case state == auth.TokenInitial || s.logins.external:
		s.ask(c, h, state, done)
	case state == auth.TokenAuthenticated:
		done(now, auth.Verdict{OK: true})
	default:
		done(now, auth.Verdict{Reason: "SESSION:the login has expired"})
	}
}

// ask hands the question to the checker, on a goroutine of its own.
func (s *Server) ask(c *client, h *session.Hello, state auth.TokenState, done func(time.Time, auth.Verdict)) {
	c.login.stop()
	ctx, cancel := context.WithCancel(c.ctx)
	c.login.cancel, c.login.answers = cancel, make(chan string, 4)
	c.login.serial++
	serial := c.login.serial
	request := &auth.Request{
		Username: h.Username, Password: h.Password, Source: session.Source(c.Path().Remote.Addr()), Answers: c.login.answers,
		Methods: strings.Split(h.PeerInfo["IV_SSO"], ","),
		Env:     s.clientEnv(c, h, state),
	}
	pend := func(p auth.Pending) {
		c.Do(func(now time.Time) {
			if c.login.serial == serial && ctx.Err() == nil {
				c.Session.Pend(now, p.Timeout, p.Extra)
				s.happened(LoginPending{About: c.about(now), Timeout: p.Timeout})
			}
		})
	}
	s.logins.running.Go(func() {
		verdict := s.logins.checker.Check(ctx, request, pend)
		c.Do(func(now time.Time) {
			if c.login.serial == serial && ctx.Err() == nil {
				cancel()
				done(now, verdict)
			}
		})
	})
}

// stop ends a check that nobody waits for any more.
func (l *login) stop() {
	if l.cancel != nil {
		l.cancel()
	}
	l.cancel, l.answers = nil, nil
}

// end is stop, for good.
func (l *login) end() {
	l.stop()
	if l.renew != nil {
		l.renew.Stop()
	}
}

// answered passes on what a client answered to a challenge.
func (l *login) answered(text string) {
	select {
	case l.answers <- text:
	default: // nobody asked, or more answers than questions
	}
}

// clientEnv are the variables that tell a program of a client (manual,
// "Environmental Variables").
func (s *Server) clientEnv(c *client, h *session.Hello, state auth.TokenState) []string {
	var env auth.Variables
	env.Set("common_name", c.certName)
	profile.AddressVariables(&env, "untrusted", c.Path().Remote)
	for name, value := range h.PeerInfo {
		env.SetPeer(name, value)
	}
	for depth, cert := range h.TLS.PeerCertificates {
		for _, v := range profile.CertificateVariables(depth, cert) {
			env.Set(v.Name, v.Value)
		}
	}
	if s.logins.tokens != nil && s.logins.external {
		env.Set("session_state", state.String())
		if c.login.token == nil {
			c.login.token = s.logins.tokens.Begin(time.Now())
		}
		env.Set("session_id", c.login.token.SessionID())
	}
	return env
}

// known is called when a client's user was found good. It names the client and
// returns the options that a token adds to its push.
func (s *Server) known(c *client, now time.Time) (options []string) {
	if s.cfg.Login.UsernameAsCommonName && c.login.user != "" {
		c.name = auth.SafeUsername(c.login.user)
		c.introduce()
	}
	if text := s.issueToken(c, now); text != "" {
		options = append(options, "auth-token "+text)
	}
	return options
}

// issueToken makes a client's token, or makes it anew, and sees to the next.
func (s *Server) issueToken(c *client, now time.Time) string {
	t := s.logins.tokens
	if t == nil {
		return ""
	}
	if c.login.token == nil {
		c.login.token = t.Begin(now)
	}
	if t.Renewal > 0 && t.Renewal < s.cfg.Timers.RenegSec {
		s.renewLater(c, t.Renewal)
	}
	return t.For(boundTo(c.presented)).Issue(now, c.login.user, c.login.token)
}

// boundTo is what a token is good with: the certificate of the client that it was
// given to. So a token does not outlive a revocation.
func boundTo(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return ""
	}
	sum := sha256.Sum256(chain[0].Raw)
	return string(sum[:])
}

func (s *Server) renewLater(c *client, after time.Duration) {
	if c.login.renew != nil {
		c.login.renew.Stop()
	}
	c.login.renew = time.AfterFunc(after, func() {
		c.Do(func(now time.Time) {
			if c.Session.Established() {
				c.Session.GiveToken(s.issueToken(c, now))
			}
		})
	})
}

// reauth decides whether a client may stay whose keys are renewed.
func (s *Server) reauth(c *client, now time.Time, r session.Reauth) {
	if s.shows(c, now, r.TLS) {
		return
	}
	s.check(c, now, r.Hello, func(now time.Time, v auth.Verdict) { s.rejudge(c, now, r.Key, v) })
}

func (s *Server) rejudge(c *client, now time.Time, key wire.KeyID, v auth.Verdict) {
	if !v.OK {
		s.happened(LoginRefused{About: c.about(now), Reason: v.Reason, Err: v.Err})
		reason, _ := strings.CutPrefix(v.Reason, "SESSION:")
		c.Session.Expel(now, key, "SESSION:"+reason)
		return
	}
	c.Session.Readmit(now, key)
	if text := s.issueToken(c, now); text != "" {
		c.Session.GiveToken(text)
	}
}

// certificateName is what a client's certificate calls it, "UNDEF" without one.
func (s *Server) certificateName(h *session.Hello) string {
	if chain := h.TLS.PeerCertificates; len(chain) > 0 {
		if name := pki.Username(chain[0], s.cfg.Trust.X509UsernameField); name != "" {
			return name
		}
	}
	return nameless
}

// nameless is the name of clients without one, as OpenVPN has it.
const nameless = "UNDEF"
