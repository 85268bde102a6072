package handover

import (
	_ "embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"culvert/store"
)

// The paths of a server's web pages that hand profiles over. A token follows.
const (
	// PagePath is a page for people. Programs that look at links, as those of messengers
	// do, take nothing away by it.
	PagePath = "/get/"
	// ImportPath is the profile itself, for OpenVPN Connect, which gets it once.
	ImportPath = "/import/"
)

// Link returns the link to a page, at the address of a server's web pages, such as
// https://vpn.example.org:8443.
func Link(base, token string) string { return strings.TrimSuffix(base, "/") + PagePath + token }

// ConnectLink returns the link by which OpenVPN Connect takes the profile (3.3.6 or later).
func ConnectLink(base, token string) string {
	return "openvpn://import-profile/" + strings.TrimSuffix(base, "/") + ImportPath + token
}

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// view is what the page shows.
type view struct {
	Name    string
	Expires string
	Connect template.URL // "": there is nothing to fetch
	Fetch   string
	Problem string
}

// Options are what Handler works with.
type Options struct {
	Store store.Store // has the offers
	Base  *url.URL    // of the server's web pages
	Log   *slog.Logger
	// Fetched is called when a profile was fetched: whose, and by which address. nil: nobody
	// wants to know.
	Fetched func(name, address string)
}

// pages answers for PagePath and ImportPath.
type pages struct{ Options }

// Handler returns what hands over what is offered, at the address of the server's web pages,
// which have the headers of all of them (web.Server.Handle).
func Handler(o Options) http.Handler {
	p := pages{o}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PagePath+"{token}", p.show)
	mux.HandleFunc("POST "+PagePath+"{token}", p.give)
	mux.HandleFunc("GET "+ImportPath+"{token}", p.hand)
	mux.HandleFunc("HEAD "+ImportPath+"{token}", p.look)
	return mux
}

// previewers are words in how programs name themselves that look at links in messages, in
// small letters. They follow the https part of a link to OpenVPN Connect, too.
var previewers = []string{"bot", "facebookexternalhit", "whatsapp", "slack", "preview", "skype", "snap url", "viber", "embedly", "crawler", "spider"}

// previews reports whether a program only looks at links.
func previews(agent string) bool {
	agent = strings.ToLower(agent)
	return slices.ContainsFunc(previewers, func(word string) bool { return strings.Contains(agent, word) })
}

// hand gives the profile to a program that imports it, and shows the page to one that only
// looks at links.
func (p pages) hand(w http.ResponseWriter, r *http.Request) {
	if previews(r.UserAgent()) {
		p.show(w, r)
		return
	}
	p.give(w, r)
}

// show is the page for people.
func (p pages) show(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	o, err := Look(r.Context(), p.Store, time.Now(), token)
	if err != nil {
		p.refuse(w, err)
		return
	}
	p.page(w, http.StatusOK, view{
		Name: o.Name, Expires: o.Expires.Format("2006-01-02 15:04 MST"), Fetch: PagePath + token,
		Connect: template.URL(ConnectLink(p.Base.String(), token)),
	})
}

// give answers with the profile.
func (p pages) give(w http.ResponseWriter, r *http.Request) {
	o, profile, err := Fetch(r.Context(), p.Store, time.Now(), r.PathValue("token"))
	if err != nil {
		p.refuse(w, err)
		return
	}
	p.Log.Info("a profile was fetched by its link", "name", o.Name, "address", r.RemoteAddr)
	if p.Fetched != nil {
		p.Fetched(o.Name, r.RemoteAddr)
	}
	typed(w, o.Name)
	w.Write(profile)
}

// look answers for a profile without it.
func (p pages) look(w http.ResponseWriter, r *http.Request) {
	o, err := Look(r.Context(), p.Store, time.Now(), r.PathValue("token"))
	if err != nil {
		p.refuse(w, err)
		return
	}
	typed(w, o.Name)
}

// typed says what a profile is.
func typed(w http.ResponseWriter, name string) {
	h := w.Header()
	h.Set("Content-Type", "application/x-openvpn-profile")
	h.Set("Content-Disposition", `attachment; filename="`+name+`.ovpn"`)
}

func (p pages) refuse(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrGone) {
		p.page(w, http.StatusNotFound, view{Problem: err.Error()})
		return
	}
	p.Log.Error("a profile could not be handed over", "error", err)
	p.page(w, http.StatusInternalServerError, view{Problem: "something went wrong on the server; tell whoever runs it, and try again"})
}

func (p pages) page(w http.ResponseWriter, status int, v view) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	w.WriteHeader(status)
	page.Execute(w, v)
}
