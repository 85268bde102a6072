package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"culvert/access/auth"
	"culvert/internal/printable"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// view is what a page shows.
type view struct {
	Title, Text string
	Client      *client // that waits; nil: it is not shown
	Again       string  // where to try again; "": nowhere
}

// client is one that waits, as a page shows it.
type client struct {
	Device, User, From, Agent, Since string
	Elsewhere                        string // where the browser is, if that is another address
	Action, Form                     string
}

// cookieName is that of the cookie by which a browser is known again. Its prefix has
// browsers take it from this server alone, and never send it in clear.
const cookieName = "__Host-culvert-signin"

const cookieTime = 15 * time.Minute

// errGone is said of a page that nobody waits at.
var errGone = errors.New("this sign-in was used before, has ended, or never was; connect again for another one")

// Handler returns what answers below Path, among web pages that have the headers of all of
// them: nobody may store or frame them (operate/web).
func (s *Source) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path+"{id}", s.show)
	mux.HandleFunc("POST "+Path+"{id}", s.goOn)
	mux.HandleFunc("GET "+callbackPath, s.answer)
	return mux
}

// waits returns the client that waits at a page; nil: none does, and the browser was told.
func (s *Source) waits(w http.ResponseWriter, r *http.Request) *login {
	l := s.waiting.find(r.PathValue("id"))
	if l == nil {
		s.write(w, http.StatusNotFound, view{Title: "Nothing waits here", Text: sentence(errGone.Error())})
	}
	return l
}

// show is the page that names the client that waits.
func (s *Source) show(w http.ResponseWriter, r *http.Request) {
	l := s.waits(w, r)
	if l == nil {
		return
	}
	cookie := cookieOf(r)
	if cookie == "" {
		cookie = secret()
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: cookie, Path: "/", MaxAge: int(cookieTime.Seconds()), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	c := s.describe(l, r)
	c.Form = s.form(cookie, l.id)
	s.write(w, http.StatusOK, view{Title: "Sign in to the VPN", Client: c})
}

// cookieOf returns a browser's cookie; "" for none, and for one that this server did not make.
func cookieOf(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	if b, err := base64.RawURLEncoding.DecodeString(c.Value); err != nil || len(b) != 32 {
		return ""
	}
	return c.Value
}

// form returns what the form of a page has, so that no other page can send it.
func (s *Source) form(cookie, id string) string {
	mac := hmac.New(sha256.New, s.formKey)
	mac.Write([]byte(cookie + "/" + id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// describe says which client waits.
func (s *Source) describe(l *login, r *http.Request) *client {
	q := l.login.Request
	c := &client{
		User: printable.Name(l.login.Username), Device: printable.Name(q.CommonName),
		From: q.Remote.Addr().Unmap().String(), Since: l.began.UTC().Format("2006-01-02 15:04:05 MST"), Action: Path + l.id,
	}
	if q.Env != nil {
		c.Agent = strings.TrimSpace(q.Env.Get("IV_GUI_VER") + " " + q.Env.Get("IV_VER") + " " + q.Env.Get("IV_PLAT"))
	}
	a, b := browserOf(r).Addr(), q.Remote.Addr().Unmap()
	if a.Is4() == b.Is4() && a != b && a.IsValid() && !a.IsLoopback() {
		c.Elsewhere = a.String()
	}
	return c
}

func browserOf(r *http.Request) netip.AddrPort {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// goOn sends a browser on to the provider.
func (s *Source) goOn(w http.ResponseWriter, r *http.Request) {
	l := s.waits(w, r)
	if l == nil {
		return
	}
	cookie := cookieOf(r)
	if cookie == "" || !hmac.Equal([]byte(r.PostFormValue("form")), []byte(s.form(cookie, l.id))) {
		s.refused(r, l, "the page was not opened in this browser before, or the browser takes no cookies")
		s.write(w, http.StatusForbidden, view{Title: "Open the page first", Text: "This browser has not opened the page of this sign-in, or takes no cookies.", Again: Path + l.id})
		return
	}
	e, err := s.provider.get(r.Context())
	if err != nil {
		s.unreachable(w, l, err)
		return
	}
	a, err := s.waiting.begin(l, cookie, s.o.Base+callbackPath)
	if err != nil {
		s.write(w, http.StatusConflict, view{Title: "Not signed in", Text: sentence(err.Error())})
		return
	}
	http.Redirect(w, r, e.address(&a.Trip, l.login.Username), http.StatusSeeOther)
}

// unreachable says that the provider does not answer, which may be over in a moment.
func (s *Source) unreachable(w http.ResponseWriter, l *login, err error) {
	s.o.Log.Warn("the provider of OpenID Connect cannot be asked", "issuer", s.o.Issuer, "user", printable.Name(l.login.Username), "error", printable.Line(err.Error()))
	s.write(w, http.StatusBadGateway, view{Title: "Not signed in yet", Text: "The server cannot reach the provider where you sign in. Try again in a moment.", Again: Path + l.id})
}

// answer is where a browser comes back to from the provider.
func (s *Source) answer(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	a := s.waiting.take(q.Get("state"))
	switch {
	case a == nil:
		s.refused(r, nil, "a browser brought an answer of the provider that was used before, came too late, or belongs to no client that waits")
		s.write(w, http.StatusNotFound, view{Title: "Not signed in", Text: "This answer was used before, came too late, or belongs to no connection that waits. Connect again for another page."})
		return
	case !a.isOf(cookieOf(r)):
		s.refused(r, a.login, "a browser brought an answer of the provider for which another browser was sent there")
		s.write(w, http.StatusForbidden, view{Title: "Not signed in", Text: "This answer belongs to another browser. Nobody was signed in.", Again: Path + a.login.id})
		return
	case s.strangers(q) != nil:
		s.fail(w, a.login, s.strangers(q))
		return
	case q.Get("code") == "":
		reason := saidNo(q)
		s.refused(r, a.login, "the provider signed nobody in: "+reason)
		s.write(w, http.StatusForbidden, view{Title: "Not signed in", Text: "The provider signed nobody in, and says: " + reason + ".", Again: Path + a.login.id})
		return
	}
	// The answer is on its way whatever becomes of the browser's connection: a code is good once.
	p, err := s.person(context.WithoutCancel(r.Context()), &a.Trip, q.Get("code"))
	switch {
	case errors.As(err, new(Unreachable)):
		s.unreachable(w, a.login, err)
	case err != nil:
		s.fail(w, a.login, err)
	default:
		s.present(w, a.login, p)
	}
}

// fail ends a login: whoever came back is not let in.
func (s *Source) fail(w http.ResponseWriter, l *login, err error) {
	known := asRefused(err)
	if !s.waiting.finish(l, result{err: known}) {
		s.write(w, http.StatusNotFound, view{Title: "Not signed in", Text: sentence(errGone.Error())})
		return
	}
	s.write(w, http.StatusForbidden, view{Title: "Not signed in", Text: sentence(known.Told)})
}

// present gives the person to who waits, and says what became of it.
func (s *Source) present(w http.ResponseWriter, l *login, p auth.Person) {
	told := make(chan string, 1)
	if !s.waiting.finish(l, result{person: p, told: told}) {
		s.write(w, http.StatusNotFound, view{Title: "Not signed in", Text: sentence(errGone.Error())})
		return
	}
	text, waited := "", true
	select {
	case text = <-told:
	case <-l.over:
		select {
		case text = <-told: // it took the person, and then ended
		default:
			waited = false
		}
	}
	switch {
	case !waited:
		s.write(w, http.StatusGone, view{Title: "Not signed in", Text: "The connection did not wait any longer. Connect again."})
	case text != "":
		s.write(w, http.StatusForbidden, view{Title: "Not signed in", Text: "You are " + p.Name + " at the provider. " + sentence(text)})
	default:
		s.write(w, http.StatusOK, view{Title: "Signed in", Text: "You are signed in as " + p.Name + ". You may close this page; the connection goes on by itself."})
	}
}

// refused notes what was refused at a page. Of what belongs to no client, anybody may send
// as much as they like: a few of it are noted.
func (s *Source) refused(r *http.Request, l *login, reason string) {
	f := Refusal{At: s.o.Now(), Browser: browserOf(r), Reason: reason}
	if l != nil {
		f.Request = l.login.Request
	} else if !s.strange.AllowN(f.At, 1) {
		return
	}
	s.o.Log.Info("an answer at a sign-in page is refused", "browser", f.Browser, "because", reason)
	if s.o.Refused != nil {
		s.o.Refused(f)
	}
}

// sentence makes one of an error's text.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func (s *Source) write(w http.ResponseWriter, status int, v view) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	// Without form-action: browsers hold it against the redirect to the provider, too.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	page.Execute(w, v)
}
