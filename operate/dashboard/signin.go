package dashboard

import (
	"context"
	"fmt"
	"time"

	"culvert/access/audit"
	"culvert/access/onetime"
	"culvert/access/signin"
	"culvert/internal/printable"
	"culvert/operate/manage/api"
	"culvert/session"
)

// State is who is signed in, and how one can sign in.
type State struct {
	SignedIn bool      `json:"signed_in"`
	Name     string    `json:"name,omitempty"`
	User     string    `json:"user,omitempty"` // of the server's store; "": none
	Scope    api.Scope `json:"scope,omitempty"`
	By       string    `json:"by,omitempty"`   // password, passkey, oidc or link
	Until    time.Time `json:"until,omitzero"` // when they are signed out in any case
	// IdleSeconds is how long without a request until they are signed out.
	IdleSeconds float64 `json:"idle_seconds,omitempty"`
	// Ways are those by which one can sign in besides a link: password, passkey, oidc.
	Ways []string `json:"ways"`
	// Provider is where one signs in by oidc, as people know it; "": nowhere.
	Provider string `json:"provider,omitempty"`
	// Closed is why no password signs in, and Mend what changes that, where people are known
	// and none is let in; "": passwords do, or nobody is known.
	Closed string `json:"closed,omitempty"`
	Mend   string `json:"mend,omitempty"`
	// CanEnrol: who is signed in can enrol passkeys.
	CanEnrol bool `json:"can_enrol"`
	// OfferSecond: who is signed in may administer, and has neither a passkey nor an app
	// for codes, nor came by a provider, which sees to that.
	OfferSecond bool `json:"offer_second"`
}

// Answer is what signing in leads to: somebody is in, or one more thing is needed.
type Answer struct {
	State
	Needs string `json:"needs,omitempty"` // code, which /auth/code takes; "": nothing
	Text  string `json:"text,omitempty"`  // the question
	Echo  bool   `json:"echo,omitempty"`  // what is typed may be shown
	// Password: what is asked for is the password that the server keeps, and not a code.
	Password bool `json:"password,omitempty"`
	// Enrol is what an authenticator app is to be given first; nil: nothing.
	Enrol *Enrol `json:"enrol,omitempty"`
}

// Enrol is the key of an authenticator app.
type Enrol struct {
	Secret string `json:"secret"` // in groups of letters, to be typed
	URI    string `json:"uri"`    // otpauth:, as a QR code has it
}

// state answers GET /auth/state.
func (d *Dashboard) state(e *exchange) (any, error) { return d.stateOf(e.r.Context(), e.session), nil }

func (d *Dashboard) stateOf(ctx context.Context, s *stay) State {
	st := State{Ways: []string{}}
	if d.o.People != nil && len(d.o.People.Admit) > 0 {
		st.Ways = append(st.Ways, byPassword)
	} else if d.o.People != nil {
		st.Closed = "no password signs in here, since no group is let in"
		st.Mend = "add the line dashboard-admit GROUP administer to the server's configuration, with a group of its users (culvert group add GROUP), and reload it; or use a link that works once (culvert dashboard --link), with which a passkey can be made"
	}
	if d.passkeys != nil {
		st.Ways = append(st.Ways, byPasskey)
	}
	if p := d.travel.provider(); p != nil {
		st.Ways, st.Provider = append(st.Ways, byProvider), p.Host()
	}
	if s == nil {
		return st
	}
	st.SignedIn, st.Name, st.User, st.Scope, st.By = true, s.who.name, s.who.user, s.scope, s.who.by
	st.Until, st.IdleSeconds, st.CanEnrol = s.until.UTC(), idleTime.Seconds(), d.passkeys != nil
	st.OfferSecond = st.CanEnrol && s.scope == api.Administer && s.who.by != byProvider && !d.keys.hasSecond(ctx, s.who)
	return st
}

// The longest that is read of what is shown to sign in.
const (
	maxName     = 256
	maxPassword = 1024
)

// byPassword answers POST /auth/password.
func (d *Dashboard) byPassword(e *exchange) (any, error) {
	var in struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := e.read(&in); err != nil {
		return nil, err
	}
	if d.o.People == nil {
		return nil, wrongSignIn.Error("nobody signs in here by a password", "use the link that the command printed")
	}
	if in.Name == "" || in.Password == "" || len(in.Name) > maxName || len(in.Password) > maxPassword {
		return nil, d.refused(e, in.Name, "wrong user name or password", "", "")
	}
	return d.proceed(e, &waiting{visit: d.o.People.Checker.Visit(in.Name, in.Password, e.remote), name: in.Name, by: byPassword}, "")
}

// byCode answers POST /auth/code.
func (d *Dashboard) byCode(e *exchange) (any, error) {
	var in struct {
		Code string `json:"code"`
	}
	if err := e.read(&in); err != nil {
		return nil, err
	}
	w := d.waiting.take(d.cookies.step(e.r), d.o.Now())
	if w == nil || w.visit == nil {
		return nil, startAgain.Error("no sign-in waits for a code", "give your user name and password again")
	}
	if len(in.Code) > maxPassword {
		return nil, d.refused(e, w.name, "wrong code", "", "")
	}
	return d.proceed(e, w, in.Code)
}

// proceed goes on with a sign-in by password, or after the provider.
func (d *Dashboard) proceed(e *exchange, w *waiting, answer string) (any, error) {
	switch s := w.visit.Go(e.r.Context(), answer); {
	case s.Err != nil:
		d.o.Log.Warn("somebody could not sign in to the dashboard", "user", printable.Name(w.name), "error", s.Err)
		return nil, api.Failed.Error(s.Told, "")
	case s.Ask != nil:
		enrol, err := enrolOf(w.name, s.Ask.Secret)
		if err != nil {
			return nil, err
		}
		t := d.waiting.put(&waiting{visit: w.visit, name: w.name, by: w.by, from: session.Source(e.remote.Addr())}, d.o.Now())
		d.cookies.set(e.w, d.cookies.stepName, t.String())
		return Answer{State: d.stateOf(e.r.Context(), nil), Needs: "code", Text: s.Ask.Text, Echo: s.Ask.Echo, Password: s.Ask.Password, Enrol: enrol}, nil
	case s.User != nil:
		return d.enter(e, personOf(s.User, w.by), "by "+s.Shown.String())
	case s.Taken:
		return nil, d.refused(e, w.name, s.Told, s.Because, notYours)
	case w.by == byProvider && answer == "":
		return nil, d.refused(e, w.name, s.Told, s.Because, "ask who runs this server, or sign in another way")
	default:
		return nil, d.refused(e, w.name, s.Told, s.Because, "")
	}
}

// enrolOf is a secret as apps take it; nil for none.
func enrolOf(name string, secret []byte) (*Enrol, error) {
	if secret == nil {
		return nil, nil
	}
	uri, err := onetime.URL(signin.Issuer(), name, secret)
	return &Enrol{Secret: onetime.Groups(onetime.Text(secret), " "), URI: uri}, err
}

// enter has somebody be signed in, if they may. A session of before ends: a cookie that was
// there beforehand never becomes one of somebody else.
func (d *Dashboard) enter(e *exchange, who person, how string) (any, error) {
	scope, err := d.o.People.standing(who, d.o.Now())
	if err != nil {
		d.note(e, audit.Entry{What: audit.Refused, User: who.user, Reason: "dashboard: " + err.Error()})
		return nil, asNotAdmitted(err)
	}
	d.sessions.remove(d.cookies.session(e.r))
	t, s := d.sessions.begin(who, scope, d.o.Now())
	d.cookies.set(e.w, d.cookies.name, t.String())
	d.cookies.set(e.w, d.cookies.stepName, "")
	d.note(e, audit.Entry{What: audit.SignedIn, User: who.user, By: who.name, Reason: fmt.Sprintf("dashboard: %s, may %s", how, scope)})
	return Answer{State: d.stateOf(e.r.Context(), s)}, nil
}

// refused says that what was shown is not good: told to who asks, because besides to this side.
// mend is what to do about it; "": what is usual.
func (d *Dashboard) refused(e *exchange, name, told, because, mend string) error {
	if because == "" {
		because = told
	}
	d.o.Log.Info("somebody is not signed in to the dashboard", "user", printable.Name(name), "from", e.remote, "because", printable.Line(because))
	d.note(e, audit.Entry{What: audit.Refused, Login: true, User: printable.Name(name), Reason: "dashboard: " + printable.Line(because)})
	return wrongSignIn.Error(told, mend)
}

// out answers POST /auth/out.
func (d *Dashboard) out(e *exchange) (any, error) {
	if who, ok := d.sessions.remove(d.cookies.session(e.r)); ok {
		d.note(e, audit.Entry{What: audit.SignedOut, User: who.user, By: who.name, Reason: "dashboard"})
	}
	d.cookies.set(e.w, d.cookies.name, "")
	d.cookies.set(e.w, d.cookies.stepName, "")
	return nil, nil
}

// note adds a line to the audit log.
func (d *Dashboard) note(e *exchange, entry audit.Entry) {
	entry.At, entry.Address = d.o.Now().UTC(), e.remote
	d.o.Note(entry)
}
