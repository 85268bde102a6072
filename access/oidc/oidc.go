package oidc

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"culvert/access/auth"
)

// Name is that of the source.
const Name = "oidc"

// Path is where the pages are, at the address of the server's web pages.
const Path = "/signin/"

const callbackPath = Path + "callback"

// Options are what a Source needs.
type Options struct {
	Issuer       string   // the provider's URL, as it names itself
	ClientID     string   // that the provider has given to this server
	ClientSecret string   // "": none
	Scopes       []string // that the provider is asked for, openid among them
	UserClaim    string   // whose value is a user's name, such as preferred_username
	// UserDomain is that of addresses in UserClaim whose part before the @ is the user's
	// name; nobody else signs in. "": the whole value is the name.
	UserDomain  string
	GroupsClaim string // whose value are a user's groups; "": none
	// AdmitAny and Admit: users whom the server does not know come in, all of them or those
	// in one of these groups of the provider.
	AdmitAny bool
	Admit    []string
	// Known reports whether the server knows a user by itself: not only because they came in by
	// this source before.
	Known func(user string) bool
	Roots *x509.CertPool // authorities of the provider's certificate; nil: this machine's
	// Dial connects to the provider; nil: net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Base is the address of the server's web pages, such as https://vpn.example.org:8443.
	Base string
	// Refused takes what is refused at a page while the client that waits is not, for the audit log.
	Refused func(Refusal)
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Refusal is an answer that was not taken at a page.
type Refusal struct {
	At      time.Time
	Browser netip.AddrPort
	Request *auth.Request // the client that waits; nil: not known
	Reason  string
}

// Source is where people sign in by a provider. Make it with New. It is safe for
// concurrent use.
type Source struct {
	o        Options
	provider *provider
	waiting  *waiting
	formKey  []byte
	strange  *rate.Limiter // refusals that belong to no client, which anybody can cause
}

// New returns a source, and has it ask the provider for its endpoints meanwhile.
func New(o Options) *Source {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Roots == nil {
		o.Roots, _ = x509.SystemCertPool() // its files may be out of reach later
	}
	o.Base = strings.TrimSuffix(o.Base, "/")
	s := &Source{o: o, provider: newProvider(o), waiting: newWaiting(), formKey: make([]byte, 32), strange: rate.NewLimiter(1, 20)}
	rand.Read(s.formKey)
	go s.provider.warm()
	return s
}

// Name is "oidc".
func (*Source) Name() string { return Name }

// Begin implements auth.Browsing. It asks nobody, and so never waits.
func (s *Source) Begin(_ context.Context, l auth.Login) (page string, wait func(context.Context, func(auth.Person) string) error, err error) {
	one, err := s.waiting.add(l, s.o.Now())
	if err != nil {
		return "", nil, err
	}
	return s.o.Base + Path + one.id, func(ctx context.Context, accept func(auth.Person) string) error {
		defer s.waiting.end(one)
		select {
		case r := <-one.result:
			if r.err != nil {
				return r.err
			}
			r.told <- accept(r.person)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, nil
}

// admits returns why somebody whom the provider knows does not come in; nil: they may be
// asked about further.
func (s *Source) admits(p auth.Person) error {
	if s.o.AdmitAny || s.o.Known(p.Name) {
		return nil
	}
	for _, g := range p.Groups {
		for _, admitted := range s.o.Admit {
			if strings.EqualFold(g, admitted) {
				return nil
			}
		}
	}
	return &auth.RefusedError{
		Reason: "the provider's user " + p.Name + " is not known here, but by what oidc-admit may have said before, and it lets in nobody of that kind",
		Told:   "you are not known here as " + p.Name + "; ask who runs this server",
	}
}

// errCrowded is returned while too many clients wait.
var errCrowded = &auth.RefusedError{Reason: "too many clients wait for somebody to sign in by a browser", Told: "too many are signing in at the moment; try again in a minute"}

// checkURL fails if an address may not be asked: https, or http on this machine itself.
func checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return err
	case u.Host == "" || u.User != nil:
		return errors.New("not an address of a web server: expected https://HOST/PATH")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("not safe from others on the way: expected https")
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
