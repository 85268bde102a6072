package tokens

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"culvert/access/audit"
	"culvert/operate/manage/api"
	"culvert/operate/web"
	"culvert/store"
)

// Via is by what callers ask who show a token.
const Via = "token"

// crossSite is for requests that a browser sends for a page: no page of another site may ask,
// and there are none of this one.
var crossSite = api.Kind{Status: http.StatusForbidden, Code: "cross-site", Doc: "a browser asks for a page of another site", Mend: "open the dashboard in browsers"}

// Options are what a door works with.
type Options struct {
	API   http.Handler
	Store store.Store
	Note  func(audit.Entry) // is told of wrong tokens; nil: nobody is
	Log   *slog.Logger
	Now   func() time.Time
}

// Door is the way to an API for whoever shows a token. It is an http.Handler, to be served by
// package web, which slows down who guesses.
type Door struct {
	o  Options
	mu sync.Mutex
	// asking are the requests that are being answered, by the names of their tokens.
	asking map[string]map[*asking]bool
}

// asking is a request that is being answered, by a token with this hash.
type asking struct {
	hash string
	end  context.CancelFunc
}

// NewDoor makes a door.
func NewDoor(o Options) *Door {
	if o.Note == nil {
		o.Note = func(audit.Entry) {}
	}
	return &Door{o: o, asking: map[string]map[*asking]bool{}}
}

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	web.Secure(w.Header())
	if fromPage(r) {
		if tooMany(w) {
			return
		}
		crossSite.Error("a browser asks this for a page, and no page may use this API", "open the dashboard in browsers; programs send neither Origin nor Sec-Fetch-Site").Write(w)
		return
	}
	token, shown := bearer(r.Header)
	if !shown {
		if tooMany(w) {
			return
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
		api.SignIn.Error("no token is shown", "send one that culvert token add made: Authorization: Bearer TOKEN").Write(w)
		return
	}
	who, err := find(r.Context(), d.o.Store, d.o.Now(), token)
	switch {
	case errors.Is(err, ErrUnknown) && tooMany(w):
		return
	case errors.Is(err, ErrUnknown):
		d.guessed(r)
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		api.SignIn.Error("the token is not known, was removed, or has ended", "make one on the server: culvert token add NAME --scope read --dir D").Write(w)
		return
	case err != nil:
		d.o.Log.Error("a token of the API could not be looked up", "error", err)
		api.Failed.Error("the token could not be looked up", "see the server's log").Write(w)
		return
	}
	web.Known(w)
	ctx, done := d.enter(r.Context(), who)
	defer done()
	if r.ContentLength == 0 && len(r.TransferEncoding) == 0 {
		http.NewResponseController(w).SetReadDeadline(time.Time{}) // or it would end an answer that takes longer
	}
	d.o.API.ServeHTTP(w, r.WithContext(api.As(ctx, api.Caller{Name: who.Name, Scope: who.Scope, Via: Via})))
}

// tooMany refuses who has guessed too often, without a word about what they show.
func tooMany(w http.ResponseWriter) bool {
	limited := web.Limited(w)
	if limited {
		api.TooMany.Error("too many requests without a good token came from this address", "ask again later; who has a good token is not kept waiting").Write(w)
	}
	return limited
}

// enter notes that a token is in use, and ends its use with the token, whose record may have
// gone since it was found.
func (d *Door) enter(ctx context.Context, who record) (_ context.Context, done func()) {
	var end context.CancelFunc
	if who.Expires.IsZero() {
		ctx, end = context.WithCancel(ctx)
	} else {
		ctx, end = context.WithTimeout(ctx, who.Expires.Sub(d.o.Now()))
	}
	a := &asking{who.Hash, end}
	d.mu.Lock()
	if d.asking[who.Name] == nil {
		d.asking[who.Name] = map[*asking]bool{}
	}
	d.asking[who.Name][a] = true
	d.mu.Unlock()
	if e, err := d.o.Store.Get(ctx, Prefix+who.Name); err != nil || hashOf(e) != who.Hash {
		end()
	}
	return ctx, func() {
		end()
		d.mu.Lock()
		defer d.mu.Unlock()
		if delete(d.asking[who.Name], a); len(d.asking[who.Name]) == 0 {
			delete(d.asking, who.Name)
		}
	}
}

// hashOf is the hash of the token that an entry is the record of; "": of none.
func hashOf(e store.Entry) string {
	var r record
	if _, err := store.Decode(e, version, &r); err != nil {
		return ""
	}
	return r.Hash
}

// again is how long Run waits after an error of the store.
const again = time.Second

// Run ends what is read by tokens that are removed, until ctx ends.
func (d *Door) Run(ctx context.Context) {
	for {
		if err := d.follow(ctx); errors.Is(err, store.ErrClosed) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}

// follow is Run until an error of the store.
func (d *Door) follow(ctx context.Context) error {
	snap, err := d.o.Store.List(ctx, Prefix)
	if err != nil {
		return err
	}
	there := map[string]string{}
	for _, e := range snap.Entries {
		there[strings.TrimPrefix(e.Key, Prefix)] = hashOf(e)
	}
	d.keep(func(name string) (string, bool) { return there[name], true })
	for changes, err := range d.o.Store.Watch(ctx, Prefix, snap.Revision) {
		if err != nil {
			return err
		}
		changed := map[string]string{}
		for _, c := range changes {
			changed[strings.TrimPrefix(c.Key, Prefix)] = hashOf(c.Entry)
		}
		d.keep(func(name string) (hash string, known bool) {
			hash, known = changed[name]
			return hash, known
		})
	}
	return nil
}

// keep ends what is read by tokens that are known to have another hash now, or none.
func (d *Door) keep(now func(name string) (hash string, known bool)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, all := range d.asking {
		hash, known := now(name)
		for a := range all {
			if known && a.hash != hash {
				a.end()
			}
		}
	}
}

// guessed notes a wrong token: nothing of it.
func (d *Door) guessed(r *http.Request) {
	at, _ := netip.ParseAddrPort(r.RemoteAddr)
	d.o.Note(audit.Entry{At: d.o.Now().UTC(), What: audit.Refused, Login: true, Address: at, Reason: "api: a token that is not known, was removed, or has ended"})
	d.o.Log.Debug("a caller of the API showed a token that is not known", "address", at)
}

// fromPage reports whether a browser sends a request for a page, or for another site.
func fromPage(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "none" || len(r.Header["Origin"]) > 0
}

// longest is the most bytes of a token with its scheme.
const longest = 256

// bearer returns the token that a request shows, in its one header Authorization.
func bearer(h http.Header) (token string, shown bool) {
	all := h["Authorization"]
	if len(all) != 1 || len(all[0]) > longest {
		return "", false
	}
	scheme, token, found := strings.Cut(all[0], " ")
	token = strings.Trim(token, " ")
	return token, found && token != "" && strings.EqualFold(scheme, "Bearer")
}
