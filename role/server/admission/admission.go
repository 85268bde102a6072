// Package admission decides who may come in to a server, and with which settings:
// by certificate and lists, by the client's key, by login and token, by
// client-config-dir, and by whoever else is asked (Decider). It knows no socket,
// no address and no table; a client at the door is a Visit.
package admission

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/config"
	"culvert/role/profile"
)

// Options are what an Admission needs besides its configuration.
type Options struct {
	// Trust says whose certificates are good, and which were revoked.
	Trust *profile.Trust
	// Plugins are those of Login.Plugins, in that order. They are asked before the program
	// of auth-user-pass-verify.
	Plugins []auth.Checker
	// Checkers are asked, in order, about every login, and after the first that refuses
	// no other: at the first handshake, and each time keys are renewed. The plugins and the
	// program of auth-user-pass-verify are asked before them.
	Checkers []auth.Checker
	// SignIn is asked last about every login, also where a client gives neither user name
	// nor password, or a token; nil: nobody.
	SignIn auth.Checker
	// Deciders are asked, in order, about every client that asks to come in, after
	// the files of client-config-dir.
	Deciders []access.Decider
	// Counted, if not nil, is called with each answer about a login, and who gave it:
	// "plugin", "program" (auth-user-pass-verify), "management" or "accounts". It must
	// not block.
	Counted func(who string, v auth.Verdict)
	// Env is what all programs are told; nil: what the configuration says.
	Env *hooks.Env
	// Log gets what programs print; nil: slog.Default().
	Log *slog.Logger
}

// Admission decides who may come in. Make it with New. It is safe for concurrent use.
type Admission struct {
	cfg      *config.Config
	trust    *profile.Trust
	login    login
	keyCheck *hooks.Program  // tls-crypt-v2-verify; nil: none
	showTLS  profile.ShowTLS // tls-verify; nil: none
	programs programs
	deciders []access.Decider
	own      *ownAddresses             // of client-config-dir; nil: there is none
	slow     bool                      // a decider may take its time
	base     atomic.Pointer[hooks.Env] // what all programs are told

	// ctx ends all that runs for clients; running has what has not ended yet.
	ctx     context.Context
	end     context.CancelFunc
	running sync.WaitGroup
	// last ends, a while after ctx, what still runs for clients that are gone.
	last    context.Context
	endLast context.CancelFunc
}

// New fails if a program that the configuration names is not there.
func New(c *config.Config, o Options) (*Admission, error) {
	a := &Admission{cfg: c, trust: o.Trust, slow: len(o.Deciders) > 0}
	if c.Server.ClientConfigDir != "" {
		a.own = newOwnAddresses(c)
		a.deciders = append(a.deciders, files{c, a.own})
	}
	a.deciders = append(a.deciders, o.Deciders...)
	a.ctx, a.end = context.WithCancel(context.Background())
	a.last, a.endLast = context.WithCancel(context.Background())
	a.base.Store(o.Env)
	if o.Env == nil {
		a.base.Store(profile.Environment(c))
	}
	run := hooks.Options{Log: o.Log, Slots: hooks.NewSlots(profile.ProgramsAtOnce()), Dir: c.Process.Cd, Forbidden: c.Process.Forbidden()}
	var err error
	if c.Trust.TLSCryptV2Verify != nil {
		if a.keyCheck, err = profile.NewProgram(c, "tls-crypt-v2-verify", c.Trust.TLSCryptV2Verify, run); err != nil {
			return nil, err
		}
	}
	if a.login, err = newLogin(c, o, run); err != nil {
		return nil, err
	}
	if a.programs, err = newPrograms(c, run); err != nil {
		return nil, err
	}
	if a.showTLS, err = profile.TLSVerify(c, run); err != nil {
		return nil, err
	}
	return a, nil
}

// SetEnvironment sets what all programs are told from now on, besides what they are told
// about their client. Nobody may change env any more.
func (a *Admission) SetEnvironment(env *hooks.Env) { a.base.Store(env) }

// environment returns what programs are told about a client of which nothing is known.
func (a *Admission) environment() *hooks.Env { return a.base.Load().Inherit() }

// End ends all that runs for clients. From now on no visit gets an answer.
func (a *Admission) End() { a.end() }

// lastTime is how long programs may run for clients that are gone, once the server ends.
const lastTime = 30 * time.Second

// Wait waits, after End, until nothing runs for clients any more. Programs that still
// run for those that are gone are ended after 30 seconds.
func (a *Admission) Wait() {
	limit := time.AfterFunc(lastTime, a.endLast)
	a.running.Wait()
	limit.Stop()
	a.endLast()
}

// Tokens returns the tokens that stand for a password if this process makes their key.
// It is nil if none are given out, or the configuration has the key.
func (a *Admission) Tokens() *auth.Tokens {
	if a.cfg.Login.GenTokenSecret != nil {
		return nil
	}
	return a.login.tokens
}

// ChecksLogins reports whether anybody is asked about clients' users: when they come, and
// each time their keys are renewed.
func (a *Admission) ChecksLogins() bool { return a.login.checks() }

// Lists returns the files from which revocation lists are read again.
func (a *Admission) Lists() []string { return a.trust.ListFiles() }

// KeepLists reads the revocation lists again when they change, and then calls
// changed, until the function that it returns is called.
func (a *Admission) KeepLists(ctx context.Context, changed func()) (stop func()) {
	return a.trust.Keep(ctx, changed)
}

// Follow has an admission take over what must not change with the configuration: tokens
// that were given out stay good, programs of one client stay in order, and addresses of
// client-config-dir are kept. Call it before anybody is asked.
func (a *Admission) Follow(before *Admission) {
	if a.own != nil {
		a.own.follow(before.own)
	}
	a.programs.order = before.programs.order
	if now, then := a.Tokens(), before.Tokens(); now != nil && then != nil {
		now.Key, now.Older = then.Key, then.Older
	}
}

// Revokes is Visit.Revoked by what this admission knows of revocations, for a client
// that may have come in under another one.
func (a *Admission) Revokes(v *Visit, now time.Time) error {
	return a.trust.Revoked(a.trust.Way(v.Applicant().Chain), now)
}
