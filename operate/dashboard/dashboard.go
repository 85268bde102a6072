package dashboard

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"culvert/access/audit"
	"culvert/access/oidc"
	"culvert/access/signin"
	"culvert/access/users"
	"culvert/operate/manage/api"
	"culvert/operate/web"
	"culvert/store"
)

// Options are what a Dashboard needs.
type Options struct {
	// API answers below /v1/. Who asks is in the requests' contexts (api.CallerOf).
	API http.Handler
	// Pages are the files that browsers load; index.html is the one for /.
	Pages fs.FS
	// URL is where people find the dashboard, such as https://vpn.example.org:8444.
	URL *url.URL
	// Names are host names besides that of URL by which it may be asked for.
	Names []string
	// Store has links and passkeys.
	Store store.Store
	// People are who can sign in besides by a link; nil: nobody.
	People *People
	// Note takes lines of the audit log; nil: there is none.
	Note func(audit.Entry)
	Log  *slog.Logger
	Now  func() time.Time // nil: time.Now
}

// People are those who may sign in, by what they show to the VPN, too.
type People struct {
	Directory *users.Directory
	Checker   *signin.Checker
	Admit     []Admit
	// Provider is where people sign in by OpenID Connect; nil: nowhere.
	Provider *oidc.Source
}

// Admit lets a group in.
type Admit struct {
	Group string
	Scope api.Scope
}

// Dashboard answers browsers. Make it with New, and have Run called beside it.
type Dashboard struct {
	o        Options
	names    map[string]bool // of hosts by which it may be asked for
	origins  *http.CrossOriginProtection
	auth     *http.ServeMux
	files    *files
	cookies  cookies
	sessions *sessions
	waiting  *waitingRoom
	keys     keyring
	passkeys *webauthn.WebAuthn // nil: none, where the URL has no name
	travel   *travel
	changed  chan struct{} // has a value when sessions are to be looked at
}

// New returns a dashboard.
func New(o Options) (*Dashboard, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Note == nil {
		o.Note = func(audit.Entry) {}
	}
	d := &Dashboard{o: o, origins: http.NewCrossOriginProtection(), cookies: cookiesOf(o.URL), changed: make(chan struct{}, 1)}
	d.names = map[string]bool{hostOnly(o.URL.Host): true}
	for _, name := range o.Names {
		d.names[hostOnly(name)] = true
	}
	if err := d.origins.AddTrustedOrigin(o.URL.Scheme + "://" + o.URL.Host); err != nil {
		return nil, fmt.Errorf("the dashboard's address: %w", err)
	}
	var err error
	if d.files, err = readFiles(o.Pages); err != nil {
		return nil, fmt.Errorf("the dashboard's pages: %w", err)
	}
	if o.People != nil {
		if d.passkeys, err = relyingParty(o.URL); err != nil {
			return nil, fmt.Errorf("passkeys: %w", err)
		}
	}
	d.sessions, d.waiting = newSessions(func(who person) (api.Scope, error) { return o.People.standing(who, o.Now()) }), newWaitingRoom()
	d.keys = keyring{o.Store, o.People}
	d.travel = newTravel(o, d.cookies, d.waiting)
	d.routes()
	return d, nil
}

// routes are those of /auth/.
func (d *Dashboard) routes() {
	d.auth = http.NewServeMux()
	open := func(pattern string, f func(*exchange) (any, error)) {
		d.auth.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { d.answer(w, r, f) })
	}
	signedIn := func(pattern string, f func(*exchange) (any, error)) {
		open(pattern, func(e *exchange) (any, error) {
			if e.session == nil {
				return nil, errSignIn
			}
			web.Known(e.w)
			return f(e)
		})
	}
	open("GET /auth/state", d.state)
	open("POST /auth/password", d.byPassword)
	open("POST /auth/code", d.byCode)
	open("POST /auth/link", d.byLink)
	open("POST /auth/passkey/begin", d.beginPasskey)
	open("POST /auth/passkey/finish", d.byPasskey)
	open("POST /auth/oidc/begin", d.travel.begin)
	open("POST /auth/oidc/finish", d.byProvider)
	open("POST /auth/out", d.out)
	signedIn("POST /auth/passkeys/begin", d.beginEnrolment)
	signedIn("POST /auth/passkeys/finish", d.enrol)
	signedIn("GET /auth/passkeys", d.listPasskeys)
	signedIn("DELETE /auth/passkeys/{id}", d.removePasskey)
	d.auth.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(w, errNoSuchPath)
	})
}

// ServeHTTP implements http.Handler.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if !d.names[hostOnly(r.Host)] {
		problem(w, wrongHost.Error("this dashboard is not at the name by which it was asked for", "use "+d.o.URL.String()))
		return
	}
	at := r.URL.Path
	if !strings.HasPrefix(at, "/v1/") && !strings.HasPrefix(at, "/auth/") {
		d.files.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if web.Limited(w) && d.sessions.get(d.cookies.session(r), d.o.Now()) == nil {
		problem(w, api.TooMany.Error("too many sign-ins failed, or too much was asked for in vain, from this address", "wait a minute, and try again"))
		return
	}
	if at == ReturnPath {
		d.travel.comeBack(w, r)
		return
	}
	if err := d.sameSite(r); err != nil {
		problem(w, err)
		return
	}
	if strings.HasPrefix(at, "/auth/") {
		if path.Clean(at) != at { // the mux would answer with another address
			problem(w, errNoSuchPath)
			return
		}
		d.auth.ServeHTTP(w, r)
		return
	}
	d.api(w, r)
}

// Faults that always read the same.
var (
	errSignIn     = api.SignIn.Error("nobody is signed in", "sign in")
	errNoSuchPath = api.NoSuchPath.Error("the dashboard's sign-in has nothing at this path with this method", "")
)

// asProblem is any error as one for the answer; what is this side's alone is logged.
func asProblem(log *slog.Logger, err error) *api.Error {
	var e *api.Error
	if errors.As(err, &e) {
		return e
	}
	log.Error("signing in to the dashboard does not work", "error", err)
	return api.Failed.Error("this does not work at the moment", "see the log of the process, and try again")
}
