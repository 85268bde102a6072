//go:build interop

package interop

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"
)

// provider is a small OpenID Connect provider: it signs in whoever types a name that it
// knows, and forgets people who are removed.
type provider struct {
	at     string // its URL
	key    *rsa.PrivateKey
	mu     sync.Mutex
	people map[string][]string   // names, and their groups
	codes  map[string]url.Values // what was asked for, by the code that was given
	fresh  map[string]url.Values // the same, by refresh token
}

// provide serves a provider until it is killed.
func provide(address string) error {
	p := &provider{at: "http://" + address, key: must(rsa.GenerateKey(rand.Reader, 2048)), people: map[string][]string{"ada": {"vpn"}, "eve": {"others"}},
		codes: map[string]url.Values{}, fresh: map[string]url.Values{}}
	http.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	http.HandleFunc("GET /keys", p.keys)
	http.HandleFunc("GET /authorize", p.page)
	http.HandleFunc("POST /authorize", p.signIn)
	http.HandleFunc("POST /token", p.token)
	http.HandleFunc("POST /remove", func(_ http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.people, r.FormValue("name"))
	})
	return http.ListenAndServe(address, nil)
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

func (p *provider) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"issuer": p.at, "authorization_endpoint": p.at + "/authorize", "token_endpoint": p.at + "/token", "jwks_uri": p.at + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		"grant_types_supported": []string{"authorization_code", "refresh_token"}, "code_challenge_methods_supported": []string{"S256"}})
}

func (p *provider) keys(w http.ResponseWriter, _ *http.Request) {
	public := p.key.PublicKey
	answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]string{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1",
		"n": word(public.N.Bytes()), "e": word(big.NewInt(int64(public.E)).Bytes())}}})
}

func word(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// page asks who is there. What the client asked for comes back with the answer.
func (p *provider) page(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "<form method=post action='%s/authorize?%s'><input name=name></form>", p.at, r.URL.RawQuery)
}

// signIn sends the browser back with a code.
func (p *provider) signIn(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	asked.Set("name", r.PostFormValue("name"))
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = asked
	p.mu.Unlock()
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {asked.Get("state")}}.Encode(), http.StatusSeeOther)
}

// token trades a code, or a refresh token, for tokens.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, from := p.fresh[r.FormValue("refresh_token")], "refresh"
	if r.FormValue("grant_type") == "authorization_code" {
		asked, from = p.codes[r.FormValue("code")], "code"
		delete(p.codes, r.FormValue("code"))
		proof := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if asked.Get("code_challenge") != "" && asked.Get("code_challenge") != word(proof[:]) {
			asked = nil
		}
	}
	groups, known := p.people[asked.Get("name")]
	fmt.Printf("token for %q by %s: %v\n", asked.Get("name"), from, known)
	if !known {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	fresh := rand.Text()
	p.fresh[fresh] = asked
	answer(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "refresh_token": fresh,
		"id_token": p.identity(asked, groups)})
}

// identity is a signed statement of who somebody is.
func (p *provider) identity(asked url.Values, groups []string) string {
	now := time.Now().Unix()
	part := func(v any) string { return word(must(json.Marshal(v))) }
	text := part(map[string]string{"alg": "RS256", "kid": "1", "typ": "JWT"}) + "." + part(map[string]any{"iss": p.at, "aud": asked.Get("client_id"), "sub": asked.Get("name"),
		"preferred_username": asked.Get("name"), "groups": groups, "nonce": asked.Get("nonce"), "iat": now, "auth_time": now, "exp": now + 300})
	digest := sha256.Sum256([]byte(text))
	return text + "." + word(must(rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, digest[:])))
}

// browse is somebody at a browser, who opens a page and types a name where one is asked
// for. It prints what the last page says.
func browse(page, name string) error {
	browser := http.Client{Timeout: 20 * time.Second, Jar: must(cookiejar.New(nil))}
	resp, err := browser.Get(page)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text := string(must(io.ReadAll(resp.Body)))
	_, rest, found := strings.Cut(text, "action='")
	if !found {
		return errors.New("no page to sign in: " + resp.Status + "\n" + text)
	}
	action, _, _ := strings.Cut(rest, "'")
	resp, err = browser.PostForm(action, url.Values{"name": {name}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// submit sends a name to a page.
func submit(page, name string) error {
	resp, err := http.PostForm(page, url.Values{"name": {name}})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// claims are what an identity says, unverified.
func claims(identity string) (name string, groups []string) {
	var c struct {
		Name   string   `json:"preferred_username"`
		Groups []string `json:"groups"`
	}
	if parts := strings.Split(identity, "."); len(parts) == 3 {
		raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
		json.Unmarshal(raw, &c)
	}
	return c.Name, c.Groups
}
