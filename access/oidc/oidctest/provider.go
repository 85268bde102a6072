// Package oidctest is a provider of OpenID Connect for tests, which says what they want.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Provider is a provider of OpenID Connect on loopback that says what a test wants.
type Provider struct {
	*httptest.Server
	Mu     sync.Mutex
	Key    crypto.Signer
	KeyID  string
	shown  []jose.JSONWebKey // by the keys' endpoint
	Asked  map[string]int    // how often each path was
	codes  map[string]url.Values
	Claims func(map[string]any)                          // changes those of an id token
	Token  func(claims map[string]any) string            // makes an id token; nil: signed by Key
	Info   map[string]any                                // the user info
	Before func(w http.ResponseWriter, path string) bool // answers in the provider's place
	Extra  string                                        // in the answer by the browser
}

// New starts a provider, which ends with the test.
func New(t testing.TB) *Provider {
	f := &Provider{Asked: map[string]int{}, codes: map[string]url.Values{}}
	f.Rotate(t, "one")
	f.Server = httptest.NewTLSServer(http.HandlerFunc(f.answer))
	t.Cleanup(f.Close)
	return f
}

// Rotate has the provider sign by another key, which it alone shows.
func (f *Provider) Rotate(t testing.TB, kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.Key, f.KeyID, f.shown = key, kid, []jose.JSONWebKey{{Key: key.Public(), KeyID: kid, Algorithm: "ES256", Use: "sig"}}
}

func (f *Provider) answer(w http.ResponseWriter, r *http.Request) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.Asked[r.URL.Path]++
	if f.Before != nil && f.Before(w, r.URL.Path) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(map[string]any{
			"issuer": f.URL, "authorization_endpoint": f.URL + "/auth", "token_endpoint": f.URL + "/token", "jwks_uri": f.URL + "/keys", "userinfo_endpoint": f.URL + "/info",
			"id_token_signing_alg_values_supported": []string{"ES256", "RS256", "HS256", "none"},
		})
	case "/keys":
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: f.shown})
	case "/auth":
		code := rand.Text()
		f.codes[code] = r.URL.Query()
		http.Redirect(w, r, r.URL.Query().Get("redirect_uri")+"?code="+code+"&state="+r.URL.Query().Get("state")+f.Extra, http.StatusFound)
	case "/token":
		f.giveToken(w, r)
	case "/info":
		json.NewEncoder(w).Encode(f.Info)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// giveToken redeems a code as a provider has to: once, for the address that it was sent to.
func (f *Provider) giveToken(w http.ResponseWriter, r *http.Request) {
	code := r.PostFormValue("code")
	asked, ok := f.codes[code]
	delete(f.codes, code)
	id, word, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || id != "culvert" || word != "word" || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || asked.Get("code_challenge_method") != "S256" ||
		asked.Get("redirect_uri") != r.PostFormValue("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"invalid_grant","error_description":"no such code"}`)
		return
	}
	now := time.Now().Unix()
	c := map[string]any{"iss": f.URL, "aud": "culvert", "sub": "1", "iat": now, "exp": now + 300, "nonce": asked.Get("nonce"), "preferred_username": "alice", "name": "Alice A."}
	if f.Claims != nil {
		f.Claims(c)
	}
	token := f.sign(c)
	if f.Token != nil {
		token = f.Token(c)
	}
	json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": token})
}

func (f *Provider) sign(claims map[string]any) string {
	return Signed(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: f.Key, KeyID: f.KeyID}}, claims)
}

// Signed is a token with claims, signed by a key.
func Signed(key jose.SigningKey, claims map[string]any) string {
	s, err := jose.NewSigner(key, nil)
	if err != nil {
		panic(err)
	}
	text, _ := json.Marshal(claims)
	sig, err := s.Sign(text)
	if err != nil {
		panic(err)
	}
	out, err := sig.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return out
}

// RSASigned is a token signed by an RSA key that nobody shows.
func RSASigned(claims map[string]any) string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return Signed(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "one"}}, claims)
}
