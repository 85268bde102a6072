// Package web serves a server's pages for people, by HTTPS: its listener, its certificate,
// which is read again when its file changes, and what keeps strangers from wearing it out.
// Others give it the pages.
package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"

	"culvert/config"
	"culvert/internal/sockerr"
)

// What one request may take: header and body in bytes.
const (
	headerTime = 5 * time.Second // also for the handshake
	readTime   = 15 * time.Second
	writeTime  = 30 * time.Second
	idleTime   = 30 * time.Second
	maxHeader  = 16 << 10
	maxBody    = 64 << 10
	streams    = 64 // at the same time, of one connection of HTTP/2
	// goodbye is how long Close waits for answers on their way.
	goodbye = time.Second
)

// Options are what Open works with.
type Options struct {
	Web config.Web
	// Cert and Key are the paths of the certificate, PEM with those of its authorities, and
	// of its key; both "": the pages are served by HTTP, which is for loopback alone.
	Cert, Key string
	Log       *slog.Logger
	// Directive is the one that asks for the listener; "": web-listen.
	Directive string
	// Own, if not nil, answers in place of what Handle is given. It sets its answers'
	// headers, bounds bodies, says by Known whom it knows, and refuses by Limited whom it does
	// not. What is what it answers for, such as "the dashboard".
	Own  http.Handler
	What string
	// Proxied: another program of this host may stand between browsers and here, and says
	// where they are (X-Forwarded-For).
	Proxied bool
}

// Server serves pages. Its listener is open from the beginning, so that rights may be given
// up; nobody is answered before Start.
type Server struct {
	log      *slog.Logger
	url      *url.URL
	identity *identity
	listener net.Listener
	mux      *http.ServeMux
	http     *http.Server
	misses   *misses
	proxied  bool // Options has it
	own      bool // the handler refuses who guesses
	what     string
	working  sync.WaitGroup
	end      context.CancelFunc // nil before Start
}

// Open opens the listener, and reads the certificate.
func Open(o Options) (*Server, error) {
	at, err := url.Parse(o.Web.URL)
	if err != nil {
		return nil, fmt.Errorf("web-url: %w", err)
	}
	o.Directive = cmp.Or(o.Directive, "web-listen")
	var id *identity
	if o.Cert != "" {
		if id, err = readIdentity(o.Cert, o.Key, o.Log); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Directive, err)
		}
	}
	l, err := net.Listen("tcp", o.Web.Address())
	if err != nil {
		return nil, fmt.Errorf("%s: %w%s", o.Directive, err, mend(err, o.Directive))
	}
	return newServer(l, at, id, o), nil
}

// mend is what to do about an error of listening, which a directive asks for.
func mend(err error, directive string) string {
	also := map[string]string{"web-listen": ", and the same in web-url", "dashboard-listen": ", and the same in dashboard-url"}[directive]
	err = sockerr.Named(err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "; another program has this port: end it, or write another port" + also
	case errors.Is(err, syscall.EACCES):
		return "; ports below 1024 need root or the capability CAP_NET_BIND_SERVICE: start this as root, or write another port, such as 8443" + also
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "; this host does not have the address: write * in its place, or one of this host's"
	}
	return ""
}

func newServer(l net.Listener, at *url.URL, id *identity, o Options) *Server {
	s := &Server{log: o.Log, url: at, identity: id, mux: http.NewServeMux(), misses: newMisses(), proxied: o.Proxied, own: o.Own != nil, what: cmp.Or(o.What, "web pages")}
	ofOne := mostOfOne
	if o.Proxied { // all come from one source
		ofOne = mostConns
	}
	s.listener = Bounded(l, mostConns, ofOne)
	if id != nil {
		settings := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: id.show, NextProtos: []string{"http/1.1"}}
		if o.Own != nil { // which has answers that go on: a browser opens few connections of HTTP/1.1
			settings.NextProtos = []string{"h2", "http/1.1"}
		}
		s.listener = tls.NewListener(s.listener, settings)
	}
	s.http = &http.Server{
		Handler:           s.guarded(s.mux),
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streams},
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug), // what strangers do wrong
	}
	if o.Own != nil {
		s.http.Handler = s.watched(o.Own)
		return s
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	return s
}

// URL is where people find the pages. Do not change it.
func (s *Server) URL() *url.URL { return s.url }

// Addr is what the listener listens at.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Handle has h answer for a pattern of http.ServeMux, such as "/signin/". Call it before
// Start. Answers have the headers of Secure, which h may change, and requests of more than
// maxBody are not read to their end.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Start answers, until Close.
func (s *Server) Start() {
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	if s.identity != nil {
		s.working.Go(func() { s.identity.follow(ctx) })
	}
	s.working.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error(s.what+" can be asked no more", "error", err)
		}
	})
	s.log.Info("serving "+s.what, "url", s.url, "listening", s.Addr())
}

// Close ends it, after a moment for answers on their way. It may be called for a nil Server.
func (s *Server) Close() {
	if s == nil {
		return
	}
	ctx, end := context.WithTimeout(context.Background(), goodbye)
	defer end()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	s.listener.Close()
	if s.end != nil {
		s.end()
	}
	s.working.Wait()
}

// guarded has a handler answer within limits, with the headers of Secure.
func (s *Server) guarded(h http.Handler) http.Handler {
	return s.watched(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Secure(w.Header())
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		h.ServeHTTP(w, r)
	}))
}

// watched has a handler answer whoever does not guess.
func (s *Server) watched(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.proxied {
			r.RemoteAddr = forwarded(r)
		}
		source := sourceOf(r.RemoteAddr)
		noted := &noted{ResponseWriter: w, wait: s.misses.wait(source, time.Now())}
		if noted.wait > 0 && !s.own {
			Secure(w.Header())
			http.Error(noted, "Too many requests for what is not there came from this address: try again later.", http.StatusTooManyRequests)
			return
		}
		defer func() {
			if noted.status >= 400 && noted.status < 500 && !noted.known && noted.wait == 0 {
				s.misses.add(source, time.Now())
			}
			if fault := recover(); fault != nil && fault != http.ErrAbortHandler {
				s.log.Error("a web page could not be made: this is a fault of the program, please report it", "fault", fault)
				panic(http.ErrAbortHandler)
			}
		}()
		h.ServeHTTP(noted, r)
	})
}

// Known says of an answer that whoever asked is known: what they ask for in vain is no guess.
// Writers that are not of this package mean nothing to it.
func Known(w http.ResponseWriter) {
	if n := notedOf(w); n != nil {
		n.known = true
	}
}

// Limited reports whether who asks has guessed too often, and is to be refused unless they are
// known: an answer of 429 has Retry-After then. Writers that are not of this package are not limited.
func Limited(w http.ResponseWriter) bool {
	n := notedOf(w)
	return n != nil && n.wait > 0
}

func notedOf(w http.ResponseWriter) *noted {
	for {
		if n, ok := w.(*noted); ok {
			return n
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = inner.Unwrap()
	}
}

// Secure sets what each answer has that a browser gets, for a page without anything of its own.
func Secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex, nofollow")
}

// noted notes the status of an answer.
type noted struct {
	http.ResponseWriter
	status int
	known  bool          // Known has it
	wait   time.Duration // Limited has it
}

// WriteHeader implements http.ResponseWriter.
func (n *noted) WriteHeader(status int) {
	n.status = status
	if status == http.StatusTooManyRequests && n.wait > 0 {
		n.Header().Set("Retry-After", strconv.Itoa(int((n.wait+time.Second-1)/time.Second)))
	}
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }
