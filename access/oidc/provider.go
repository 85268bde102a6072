package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	askAgain = time.Hour       // how long endpoints and keys are used before they are asked for anew
	failure  = 3 * time.Second // how long a failed question is not put again
	skew     = time.Minute     // that clocks may differ by
)

// provider is what is known of the provider. Make it with newProvider.
type provider struct {
	o      Options
	client *http.Client

	mu      sync.Mutex
	known   *endpoints    // nil: not yet
	asked   time.Time     // when known was asked for, or could not be had
	failed  error         // why it could not; nil: it could
	pending chan struct{} // is closed when the question under way ends; nil: none is
}

// endpoints are where to ask the provider, and how its answers are checked.
type endpoints struct {
	*oidc.Provider
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
}

func newProvider(o Options) *provider { return &provider{o: o, client: newClient(o)} }

// warm asks for the endpoints, so that whoever runs the server hears what is wrong.
func (p *provider) warm() {
	if _, err := p.get(context.Background()); err != nil {
		p.o.Log.Warn("nobody can sign in by a browser until the provider of OpenID Connect answers; it is asked again when somebody wants to", "issuer", p.o.Issuer, "error", err)
	}
}

// get returns the endpoints. It waits for them only if there are none yet.
func (p *provider) get(ctx context.Context) (*endpoints, error) {
	p.mu.Lock()
	now, old := p.o.Now(), p.known
	fresh := now.Sub(p.asked) < askAgain
	if p.failed != nil {
		fresh = now.Sub(p.asked) < failure
	}
	if old != nil && (fresh || p.pending != nil) {
		p.mu.Unlock()
		return old, nil
	}
	if fresh && p.failed != nil {
		defer p.mu.Unlock()
		return nil, p.failed
	}
	if p.pending == nil {
		p.pending = make(chan struct{})
		go p.discover(p.pending)
	}
	done := p.pending
	p.mu.Unlock()
	if old != nil {
		return old, nil
	}
	select {
	case <-done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		return nil, p.failed
	}
	return p.known, nil
}

// discover asks for the endpoints, and closes done.
func (p *provider) discover(done chan struct{}) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(context.Background(), p.client), askTime)
	defer cancel()
	e, err := p.ask(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.failed, p.pending = p.o.Now(), err, nil
	if err == nil {
		p.known = e
	}
	close(done)
}

// ask asks for the endpoints. Keys are asked for when a token comes that is signed by one
// that is not known.
func (p *provider) ask(ctx context.Context) (*endpoints, error) {
	found, err := oidc.NewProvider(ctx, p.o.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, fmt.Errorf("the provider's description: %w", err)
	}
	at := found.Endpoint()
	addresses := []struct{ name, address string }{{"authorization_endpoint", at.AuthURL}, {"token_endpoint", at.TokenURL}, {"jwks_uri", more.Keys}, {"userinfo_endpoint", found.UserInfoEndpoint()}}
	for _, a := range addresses {
		if a.name == "userinfo_endpoint" && a.address == "" {
			continue // a provider may have none
		}
		if err := checkURL(a.address); err != nil {
			return nil, fmt.Errorf("the provider's description: %s %q: %w", a.name, a.address, err)
		}
	}
	at.AuthStyle = authStyle(p.o.ClientSecret, more.Methods)
	now := func() time.Time { return p.o.Now().Add(-skew) }
	return &endpoints{
		Provider: found,
		oauth:    oauth2.Config{ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret, Endpoint: at, Scopes: p.o.Scopes},
		verifier: found.Verifier(&oidc.Config{ClientID: p.o.ClientID, Now: now}),
	}, nil
}

// authStyle is how the server shows its secret: in one way, so that a code is sent once.
func authStyle(secret string, methods []string) oauth2.AuthStyle {
	if secret == "" || len(methods) > 0 && !slices.Contains(methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// address is where a browser goes on to; user is who the provider is told that it may be,
// "" for nobody.
func (e *endpoints) address(t *Trip, user string) string {
	more := []oauth2.AuthCodeOption{oidc.Nonce(t.nonce), oauth2.S256ChallengeOption(t.verifier)}
	if user != "" {
		more = append(more, oauth2.SetAuthURLParam("login_hint", user))
	}
	return e.to(t).AuthCodeURL(t.state, more...)
}

// to is how the provider is asked about a trip.
func (e *endpoints) to(t *Trip) *oauth2.Config {
	c := e.oauth
	c.RedirectURL = t.back
	return &c
}

// Unreachable is why the provider could not be asked: it is worth another try.
type Unreachable struct{ error }

// Unwrap is for errors.Is.
func (u Unreachable) Unwrap() error { return u.error }

// redeem exchanges the code of a browser's answer for what the provider says of the
// person. An error that is an Unreachable says nothing of them.
func (p *provider) redeem(ctx context.Context, t *Trip, code string) (claims, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), 2*askTime)
	defer cancel()
	e, err := p.get(ctx)
	if err != nil {
		return nil, Unreachable{err}
	}
	token, err := e.to(t).Exchange(ctx, code, oauth2.VerifierOption(t.verifier))
	if err != nil {
		return nil, exchangeError(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("the provider gave no id token: is openid among the scopes (oidc-scope)?")
	}
	id, err := e.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	all, err := p.check(id, t)
	if err != nil {
		return nil, err
	}
	if all.has(p.o.UserClaim) && (p.o.GroupsClaim == "" || all.has(p.o.GroupsClaim)) || e.UserInfoEndpoint() == "" {
		return all, nil
	}
	more, err := e.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, Unreachable{fmt.Errorf("the provider's user info: %w", err)}
	}
	if more.Subject != id.Subject {
		return nil, errors.New("the provider's user info is of somebody else than its id token")
	}
	return all, all.add(more)
}

// check checks what go-oidc leaves to its users, and returns the claims of an id token.
func (p *provider) check(id *oidc.IDToken, t *Trip) (claims, error) {
	all := make(claims)
	if err := all.add(id); err != nil {
		return nil, err
	}
	switch party := all.text("azp"); {
	case id.Nonce != t.nonce:
		return nil, errors.New("the id token is for another sign-in (nonce)")
	case id.IssuedAt.After(p.o.Now().Add(skew)):
		return nil, fmt.Errorf("the id token was made at %v, which is yet to come: set the clocks of this server and the provider", id.IssuedAt.UTC())
	case party != "" && party != p.o.ClientID, party == "" && len(id.Audience) > 1:
		return nil, fmt.Errorf("the id token was made for %.80q (azp), and is to be for %q alone", party, p.o.ClientID)
	case id.Subject == "":
		return nil, errors.New("the id token says not of whom it is (sub)")
	}
	return all, nil
}

// exchangeError tells a provider that refuses a code from one that does not answer.
func exchangeError(err error) error {
	var no *oauth2.RetrieveError
	if errors.As(err, &no) && no.ErrorCode != "" {
		return fmt.Errorf("the provider does not take the code: %.80q: %.200q", no.ErrorCode, no.ErrorDescription)
	}
	if no != nil {
		return Unreachable{fmt.Errorf("the provider's token endpoint answered %s", no.Response.Status)}
	}
	return Unreachable{err}
}
