package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/time/rate"

	"culvert/access/audit"
	"culvert/access/auth"
	"culvert/access/oidc"
	"culvert/internal/printable"
	"culvert/operate/manage/api"
	"culvert/session"
)

// ReturnPath is where a provider of OpenID Connect sends browsers back to. The address that is
// registered there is that of the dashboard, with this path.
const ReturnPath = "/auth/oidc/return"

// returned is the page to which a browser goes on from there, whatever it brought. The page
// asks what became of it (POST /auth/oidc/finish).
const returned = "/#oidc"

// Faults of signing in by a provider.
var (
	noProvider   = api.Kind{Status: http.StatusConflict, Code: "no-provider", Doc: "nobody signs in to this dashboard at a provider of OpenID Connect", Mend: "sign in another way"}
	providerAway = api.Kind{Status: http.StatusServiceUnavailable, Code: "provider-away", Doc: "the provider of OpenID Connect does not answer the server", Mend: "try again in a moment, or sign in another way"}
)

// notYours is what may help whom a provider knows and the server does not take.
const notYours = "who runs this server says so by culvert user add NAME --source oidc, or of a user who is there and is this person by culvert user set NAME --source oidc; or sign in another way"

// trip is somebody who is at the provider, or back from there.
type trip struct {
	*oidc.Trip
	answer url.Values // that the browser brought back; nil: none yet
}

// ReturnURL is where a dashboard at an address has the provider send browsers back to.
func ReturnURL(at *url.URL) string {
	return (&url.URL{Scheme: at.Scheme, Host: at.Host, Path: ReturnPath}).String()
}

// travel is the way to the provider and back. Make it with newTravel.
type travel struct {
	o         Options
	cookies   cookies
	waiting   *waitingRoom
	strangers *rate.Limiter // answers that belong to nobody, which are noted: anybody can cause them
}

func newTravel(o Options, c cookies, r *waitingRoom) *travel {
	return &travel{o, c, r, rate.NewLimiter(rate.Every(time.Second), 20)}
}

// provider is where people sign in besides here; nil: nowhere, or nobody is let in.
func (t *travel) provider() *oidc.Source {
	if t.o.People == nil || len(t.o.People.Admit) == 0 {
		return nil
	}
	return t.o.People.Provider
}

// begin answers POST /auth/oidc/begin: where the browser is to go.
func (t *travel) begin(e *exchange) (any, error) {
	p := t.provider()
	switch {
	case p == nil:
		return nil, noProvider.Error("nobody signs in here at a provider of OpenID Connect", "")
	case hostOnly(e.r.Host) != hostOnly(t.o.URL.Host): // its cookie would not come back
		return nil, wrongHost.Error("the provider sends browsers back to "+t.o.URL.String()+", and this page is at another address", "open "+t.o.URL.String())
	}
	e.takesLong()
	address, to, err := p.Depart(e.r.Context(), ReturnURL(t.o.URL))
	if err != nil {
		return nil, t.unreachable(p, err)
	}
	at := t.waiting.put(&waiting{trip: &trip{Trip: to}, from: session.Source(e.remote.Addr())}, t.o.Now())
	t.cookies.setAway(e.w, at.String())
	return map[string]string{"address": address}, nil
}

// unreachable is why the provider could not be asked.
func (t *travel) unreachable(p *oidc.Source, err error) error {
	t.o.Log.Warn("nobody can sign in to the dashboard by the provider of OpenID Connect: it cannot be asked", "provider", p.Host(), "error", printable.Line(err.Error()))
	return providerAway.Error(p.Host()+" does not answer this server", "")
}

// comeBack answers GET /auth/oidc/return, to which the provider sends a browser: another site has it
// ask, and so nothing is done here but to note what it brings, once, if it is the browser that
// was sent there. It goes on to a page of the dashboard in any case, and to none else.
func (t *travel) comeBack(w http.ResponseWriter, r *http.Request) {
	if mode := r.Header.Get("Sec-Fetch-Mode"); r.Method != http.MethodGet || mode != "" && mode != "navigate" {
		problem(w, crossSite.Error("this is where a provider sends browsers back to, and nothing else asks for it", "open the dashboard itself: "+t.o.URL.String()))
		return
	}
	now, answer := t.o.Now(), r.URL.Query()
	came := t.waiting.takeIf(t.cookies.away(r), now, func(w *waiting) bool {
		return w.trip != nil && w.trip.answer == nil && w.trip.Is(answer)
	})
	if came == nil {
		t.strange(r, now)
	} else {
		came.trip.answer = answer
		step := t.waiting.put(came, now)
		t.cookies.set(w, t.cookies.stepName, step.String())
		t.cookies.setAway(w, "")
	}
	w.Header().Set("Location", returned)
	w.WriteHeader(http.StatusSeeOther)
}

// strange notes an answer that no browser waits for.
func (t *travel) strange(r *http.Request, now time.Time) {
	if !t.strangers.AllowN(now, 1) {
		return
	}
	const because = "an answer of the provider that was used before, came too late, or was for another browser"
	from := remoteOf(r)
	t.o.Log.Info("somebody is not signed in to the dashboard", "from", from, "because", because)
	t.o.Note(audit.Entry{At: now.UTC(), What: audit.Refused, Login: true, Address: from, Reason: "dashboard: " + because})
}

// arrive returns who came back from the provider. An error may be an *auth.RefusedError: then
// name is who the provider says that they are, "" for nobody.
func (t *travel) arrive(e *exchange) (w *waiting, name string, err error) {
	e.takesLong()
	p := t.provider()
	came := t.waiting.takeIf(t.cookies.step(e.r), t.o.Now(), func(w *waiting) bool { return w.trip != nil && w.trip.answer != nil })
	if came == nil || p == nil {
		return nil, "", startAgain.Error("what the provider answered was used before, came too late, or was for another browser", "sign in at the provider again, in this browser, within five minutes; it has to take cookies")
	}
	who, err := p.Arrive(e.r.Context(), came.trip.Trip, came.trip.answer)
	switch {
	case errors.As(err, new(oidc.Unreachable)):
		return nil, "", t.unreachable(p, err)
	case err != nil:
		return nil, who.Name, err
	}
	return &waiting{visit: t.o.People.Checker.VisitFrom(who, e.remote), name: who.Name, by: byProvider}, who.Name, nil
}

// byProvider answers POST /auth/oidc/finish: who came back from the provider is in, or asked
// for more.
func (d *Dashboard) byProvider(e *exchange) (any, error) {
	w, name, err := d.travel.arrive(e)
	var no *auth.RefusedError
	switch {
	case errors.As(err, &no) && name != "":
		return nil, d.refused(e, name, no.Told, no.Reason, notYours)
	case errors.As(err, &no):
		return nil, d.refused(e, "", no.Told, no.Reason, "sign in at the provider again, or sign in here another way")
	case err != nil:
		return nil, err
	}
	return d.proceed(e, w, "")
}
