package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"culvert/access/auth"
	"culvert/internal/printable"
)

// Trip is the way of one browser to the provider and back. Its state, nonce and verifier are
// secrets that nobody can guess: what the provider answers is good for this trip alone.
type Trip struct {
	state, nonce, verifier string
	back                   string // where the provider sends the browser
}

func newTrip(back string) Trip {
	return Trip{state: secret(), nonce: secret(), verifier: oauth2.GenerateVerifier(), back: back}
}

// Is reports whether an answer of the provider, as a browser brings it, is one to this trip.
func (t *Trip) Is(answer url.Values) bool {
	return subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(t.state)) == 1
}

// Depart returns where a browser goes that somebody signs in by at a page which is none of
// this source's own. The provider sends it back to an address that is registered there. Who
// calls keeps the trip, knows the browser again, and passes on what it brings, once (Arrive).
// An error is an Unreachable.
func (s *Source) Depart(ctx context.Context, back string) (address string, t *Trip, err error) {
	e, err := s.provider.get(ctx)
	if err != nil {
		return "", nil, Unreachable{err}
	}
	trip := newTrip(back)
	return e.address(&trip, ""), &trip, nil
}

// Arrive returns who signed in at the provider, by the answer that a browser brought back from
// a trip. An error is an Unreachable, or an *auth.RefusedError; the person has a name all the
// same if the provider named one who may not come in.
func (s *Source) Arrive(ctx context.Context, t *Trip, answer url.Values) (auth.Person, error) {
	switch {
	case !t.Is(answer):
		return auth.Person{}, asRefused(errors.New("the answer of the provider is one to another question (state)"))
	case s.strangers(answer) != nil:
		return auth.Person{}, asRefused(s.strangers(answer))
	case answer.Get("code") == "":
		return auth.Person{}, &auth.RefusedError{Reason: "the provider signed nobody in: " + saidNo(answer), Told: s.Host() + " signed nobody in, and says: " + saidNo(answer)}
	}
	// The answer is on its way whatever becomes of the browser's connection: a code is good once.
	p, err := s.person(context.WithoutCancel(ctx), t, answer.Get("code"))
	if err != nil && !errors.As(err, new(Unreachable)) {
		err = asRefused(err)
	}
	return p, err
}

// Host is where the provider is, as people know it: its host's name, with a port that is not
// the usual one.
func (s *Source) Host() string {
	u, err := url.Parse(s.o.Issuer)
	if err != nil {
		return s.o.Issuer
	}
	return strings.TrimSuffix(u.Host, ":443")
}

// person returns whom the provider means by a code, if they may come in.
func (s *Source) person(ctx context.Context, t *Trip, code string) (p auth.Person, err error) {
	all, err := s.provider.redeem(ctx, t, code)
	if err == nil {
		p, err = s.o.person(all)
	}
	if err == nil {
		err = s.admits(p)
	}
	return p, err
}

// strangers is why an answer is not of this provider; nil: it says nothing else.
func (s *Source) strangers(answer url.Values) error {
	if answer.Has("iss") && answer.Get("iss") != s.o.Issuer {
		return errors.New("the answer is of another provider (iss)")
	}
	return nil
}

// saidNo is what a provider says that signed nobody in.
func saidNo(answer url.Values) string {
	text := answer.Get("error")
	if more := answer.Get("error_description"); more != "" {
		text += ": " + more
	}
	if text == "" {
		return "nothing"
	}
	return printable.Name(text)
}

// asRefused is an error as one for whoever signs in: what is this side's alone is for its log.
func asRefused(err error) *auth.RefusedError {
	var known *auth.RefusedError
	if errors.As(err, &known) {
		return known
	}
	return &auth.RefusedError{Reason: err.Error(), Told: "signing in by the browser failed; who runs this server finds the reason in its log"}
}
