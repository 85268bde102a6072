package admission

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/access/pki"
	"culvert/session"
)

// Door is the session of a client that asks to come in, as far as admission needs
// it.
type Door interface {
	// Do calls f on the client's control goroutine, soon.
	Do(f func(now time.Time))
	// Remote is the client's outer address.
	Remote() netip.AddrPort
	// Pend tells the client that its login takes longer. It is called on the
	// control goroutine.
	Pend(now time.Time, p auth.Pending)
	// GiveToken pushes a token to the client, if it is in. It is called on the
	// control goroutine.
	GiveToken(token string)
	// Overdue notes a program that did not decide about the client before the client's
	// time was over or it was gone. It may be called on any goroutine, at any rate.
	Overdue(late *hooks.OverdueError)
}

// errAnew stops a question whose place another one takes.
var errAnew = errors.New("another question took its place")

// Visit is a client from its first packet until it is gone: who it is, and the
// questions about it. Its methods are for the client's control goroutine, except
// Identity, Context and End.
type Visit struct {
	admission *Admission
	door      Door
	// ctx ends with the session, or when that has to end: what runs for the session
	// must not keep its control goroutine from ending.
	ctx context.Context
	end context.CancelFunc

	number     uint64                           // no other client of this server ever has it
	handshakes uint64                           // that were begun and showed who the client is
	applicant  atomic.Pointer[access.Applicant] // nil before it has said; replaced as a whole
	// way leads from the certificate that the client showed last, if any, up to
	// its authority.
	way []*x509.Certificate

	stop    context.CancelCauseFunc // the question under way; nil: none
	serial  int                     // of that question
	answers chan string             // to challenges, from the client
	token   *auth.Token             // nil until it has one
	// remember: a login was checked for which tokens are given out. They are for given, the
	// user name that the client said and will say again, unless it is told another, and say
	// note to the sign-in.
	remember bool
	note     []byte
	given    string
	renewal  *time.Timer // gives it another one
	turn     *hooks.Turn // of its programs, until those that say goodbye have ended; nil: none yet
	leases   *hooks.Turn // of its addresses, likewise
	arrived  bool        // Arrive was called

	override override
}

// Begin returns the visit of a client with a number that no other ever has. It does not
// use the door before one of the visit's methods is called.
func (a *Admission) Begin(d Door, number uint64) *Visit {
	v := &Visit{admission: a, door: d, number: number}
	v.ctx, v.end = context.WithCancel(a.ctx)
	return v
}

// Context returns a context that ends with End, and with the admission.
func (v *Visit) Context() context.Context { return v.ctx }

// End ends all that runs for the client; its control goroutine may be waiting for it.
// It may be called on any goroutine, and more than once.
func (v *Visit) End() { v.end() }

// Gone is for a client whose session is over.
func (v *Visit) Gone() {
	v.end()
	v.Drop()
	if v.renewal != nil {
		v.renewal.Stop()
	}
}

// TLS returns the TLS settings for the client, which connects from an address.
func (v *Visit) TLS(t *tls.Config, from netip.AddrPort) *tls.Config {
	if v.admission.showTLS == nil {
		return t
	}
	return v.admission.showTLS(v.ctx, t, from, func() *hooks.Env {
		if known := v.Applicant().Env; known != nil { // its keys are renewed
			env := known.Clone()
			env.UnsetAll("X509_")
			return env
		}
		return v.admission.environment()
	})
}

// Introduce notes who the client is, as it said in h, after TLS found its certificate
// good.
func (v *Visit) Introduce(h *session.Hello) {
	v.Show(h.TLS)
	v.handshakes++
	id := identify(v.admission.cfg, h, v.way)
	if v.admission.login.checks() { // without them nobody checks the name
		id.User = h.Username
	}
	v.applicant.Store(&access.Applicant{Identity: *id, Number: v.number, Remote: v.door.Remote(), Chain: h.TLS.PeerCertificates, PeerInfo: h.PeerInfo, Options: h.Options})
	v.tell(h)
}

// Identity returns who the client is; the zero value while not known. It must not be
// changed, and may be read on any goroutine.
func (v *Visit) Identity() *access.Identity { return &v.Applicant().Identity }

// Applicant returns what is known of the client; the zero value before it has said. It
// must not be changed, and may be read on any goroutine.
func (v *Visit) Applicant() *access.Applicant {
	if a := v.applicant.Load(); a != nil {
		return a
	}
	return new(access.Applicant)
}

// change replaces what is known by something that differs.
func (v *Visit) change(f func(*access.Applicant)) {
	a := *v.Applicant()
	f(&a)
	v.applicant.Store(&a)
}

// Show notes a certificate that the client showed and TLS found good.
func (v *Visit) Show(state tls.ConnectionState) {
	v.way = v.admission.trust.Way(state.PeerCertificates)
	if len(state.PeerCertificates) == 0 {
		return
	}
	v.change(func(a *access.Applicant) {
		a.Chain, a.Serial = state.PeerCertificates, pki.SerialHex(state.PeerCertificates[0])
	})
}

// Revoked returns why the client may no longer be here: a *pki.RevokedError if its
// certificate, or one above it, was revoked, else nil. Lists may have changed after TLS
// found it good but before this client was known to those who shut clients out.
func (v *Visit) Revoked(now time.Time) error { return v.admission.trust.Revoked(v.way, now) }

// Decide decides whether the client, which said h, may come in, and with which
// settings. It calls done on the control goroutine, at once or later, unless the visit
// ends before.
func (v *Visit) Decide(now time.Time, h *session.Hello, done func(now time.Time, d Decision)) {
	request, refusal := v.credentials(now, h)
	if refusal != nil {
		done(now, Decision{Refusal: refusal})
		return
	}
	a := *v.Applicant()
	var f found
	consider := func(ctx context.Context, pend func(auth.Pending)) Decision {
		var refusal *access.Refusal
		if f, refusal = v.admission.login.check(ctx, request, pend); refusal != nil {
			return Decision{Refusal: refusal}
		}
		if a.User = cmp.Or(f.user, a.User); f.nobody {
			unnamed(&a)
		}
		if v.admission.cfg.Login.UsernameAsCommonName && a.User != "" {
			a.Name = auth.SafeUsername(a.User)
		}
		return v.admission.ask(ctx, &a, f.lines)
	}
	v.put(now, request != nil || v.admission.slow, consider, func(now time.Time, d Decision) {
		if d.Refusal == nil {
			v.remember, v.note, v.given = f.remember, f.note, h.Username
			a.SignedIn = f.user != ""
			v.change(func(b *access.Applicant) { b.Name, b.User, b.Env, b.SignedIn = a.Name, a.User, a.Env, a.SignedIn })
			if h.Username == "" && f.remember && d.Settings.OverrideUsername == "" {
				d.Settings.OverrideUsername = a.User // its token goes with a name, and it has none to give
			}
			v.take(h, d.Settings.OverrideUsername)
			d.Token = v.issue(now)
		}
		done(now, d)
	})
}

// Renew decides whether the client, which said h while its keys were renewed, may stay.
// It calls tell as Decide does done. It checks only the login.
func (v *Visit) Renew(now time.Time, h *session.Hello, tell func(now time.Time, d Decision)) {
	done := func(now time.Time, d Decision) {
		d.Forget = d.Refusal != nil && v.admission.login.tokens != nil
		tell(now, d)
	}
	v.handshakes++
	h, refusal := v.override.known(h)
	if refusal != nil {
		done(now, Decision{Refusal: refusal})
		return
	}
	v.tell(h)
	user := v.Identity().User // who came in, which the client need not have said
	request, refusal := v.credentials(now, h)
	if refusal != nil {
		done(now, Decision{Refusal: refusal})
		return
	}
	var f found
	consider := func(ctx context.Context, pend func(auth.Pending)) Decision {
		var refusal *access.Refusal
		if f, refusal = v.admission.login.check(ctx, request, pend); refusal == nil && f.user != "" && user != "" && f.user != user {
			refusal = &access.Refusal{Login: true, Reason: "the user changed during the session"}
		}
		return Decision{Refusal: refusal}
	}
	v.put(now, request != nil, consider, func(now time.Time, d Decision) {
		if d.Refusal == nil {
			v.remember, v.note = f.remember, f.note
			v.change(func(a *access.Applicant) {
				if a.SignedIn = f.user != ""; f.nobody {
					unnamed(a)
				} else if user == "" {
					a.User = f.user
				}
			})
			d.Token = v.issue(now)
		}
		done(now, d)
	})
}

// unnamed takes out of what is known of a client the user name that it gave.
func unnamed(a *access.Applicant) {
	a.User, a.Env = "", a.Env.Clone()
	a.Env.Unset("username")
}

// put asks a question, on a goroutine of its own if it is slow. An answer that nobody
// waits for any more is dropped.
func (v *Visit) put(now time.Time, slow bool, question func(context.Context, func(auth.Pending)) Decision, done func(time.Time, Decision)) {
	if !slow {
		done(now, question(v.ctx, nil))
		return
	}
	if v.stop != nil {
		v.stop(errAnew)
	}
	v.serial++
	serial := v.serial
	ctx, cancel := context.WithCancelCause(v.ctx)
	v.stop = cancel
	waits := func() bool { return v.serial == serial && ctx.Err() == nil }
	pend := func(p auth.Pending) {
		v.door.Do(func(now time.Time) {
			if waits() {
				v.door.Pend(now, p)
			}
		})
	}
	v.admission.running.Go(func() {
		d := question(ctx, pend)
		v.admission.overdue(ctx, d, v.door)
		v.door.Do(func(now time.Time) {
			if waits() {
				cancel(nil)
				done(now, d)
			}
		})
	})
}

// overdue tells the door of a program that did not decide while somebody waited: what
// happens to the client then says nothing of it. One that was stopped for another question
// (ctx) is not late.
func (a *Admission) overdue(ctx context.Context, d Decision, door Door) {
	var late *hooks.OverdueError
	if d.Refusal != nil && errors.As(d.Refusal.Cause, &late) && context.Cause(ctx) != errAnew && a.ctx.Err() == nil {
		door.Overdue(late)
	}
}

// Drop gives up a question that nobody waits for any more.
func (v *Visit) Drop() {
	if v.stop != nil {
		v.stop(nil)
	}
	v.stop, v.answers = nil, nil
}

// Answer passes on what the client answered to a challenge.
func (v *Visit) Answer(text string) {
	select {
	case v.answers <- text:
	default: // nobody asked, or more answers than questions
	}
}

// Await calls f on the control goroutine once ready is closed, unless the admission
// ends before.
func (v *Visit) Await(ready <-chan struct{}, f func(now time.Time)) {
	v.admission.running.Go(func() {
		select {
		case <-ready:
			v.door.Do(f)
		case <-v.admission.ctx.Done():
		}
	})
}
