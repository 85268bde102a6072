package auth

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Unix(1_800_000_000, 0)

func TestTokenStates(t *testing.T) {
	tokens := &Tokens{Key: NewTokenKey(), Lifetime: time.Hour, Renewal: 10 * time.Minute}
	others := &Tokens{Key: NewTokenKey()}
	text := tokens.Issue(start, "ada", tokens.Begin(start))
	nameless := tokens.Issue(start, "", tokens.Begin(start))
	for _, c := range []struct {
		name, user, password string
		after                time.Duration
		want                 TokenState
	}{
		{"a password", "ada", "secret", 0, TokenInitial},
		{"fresh", "ada", text, 0, TokenAuthenticated},
		{"another user's", "eve", text, 0, TokenInvalid},
		{"another server's", "ada", others.Issue(start, "ada", others.Begin(start)), 0, TokenInvalid},
		{"cut short", "ada", text[:len(text)-4], 0, TokenInvalid},
		{"no base64", "ada", tokenPrefix + "!!!!", 0, TokenInvalid},
		{"empty", "ada", tokenPrefix, 0, TokenInvalid},
		{"within the second renewal", "ada", text, 20 * time.Minute, TokenAuthenticated},
		{"not renewed", "ada", text, 21 * time.Minute, TokenExpired},
		{"of the future", "ada", text, -2 * time.Minute, TokenExpired},
		{"nobody's", "ada", nameless, 0, TokenAuthenticatedEmptyUser},
		{"nobody's, old", "ada", nameless, time.Hour, TokenExpiredEmptyUser},
	} {
		if got, _ := tokens.Check(start.Add(c.after), c.user, c.password); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestTokenLifetime: renewing keeps the session and its beginning, and so does
// not outlive the lifetime.
func TestTokenLifetime(t *testing.T) {
	tokens := &Tokens{Key: NewTokenKey(), Lifetime: time.Hour, Renewal: 10 * time.Minute}
	first := tokens.Begin(start)
	text := tokens.Issue(start, "ada", first)
	for after := 10 * time.Minute; after < time.Hour; after += 10 * time.Minute {
		state, token := tokens.Check(start.Add(after), "ada", text)
		if state != TokenAuthenticated || token.SessionID() != first.SessionID() || !token.Began.Equal(start) {
			t.Fatalf("after %v: %v %+v", after, state, token)
		}
		text = tokens.Issue(start.Add(after), "ada", token)
	}
	if state, _ := tokens.Check(start.Add(time.Hour), "ada", text); state != TokenExpired {
		t.Errorf("after its lifetime: %v", state)
	}
}

// TestTokenNote: what the sign-in has a token remember comes back, and nobody but the server
// can add, change or drop it.
func TestTokenNote(t *testing.T) {
	tokens := (&Tokens{Key: NewTokenKey()}).For("a certificate")
	token := tokens.Begin(start)
	token.Note = []byte("noted")
	text := tokens.Issue(start, "ada", token)
	if state, got := tokens.Check(start, "ada", text); state != TokenAuthenticated || string(got.Note) != "noted" {
		t.Fatalf("%v %+v", state, got)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, tokenPrefix))
	if err != nil {
		t.Fatal(err)
	}
	for name, forged := range map[string][]byte{
		"changed": append(append(slices.Clone(raw[:tokenBody]), "Noted"...), raw[tokenBody+5:]...),
		"dropped": append(slices.Clone(raw[:tokenBody]), raw[tokenBody+5:]...),
		"longer":  append(append(slices.Clone(raw[:tokenBody]), strings.Repeat("n", MaxNote+1)...), raw[tokenBody+5:]...),
	} {
		if state, _ := tokens.Check(start, "ada", tokenPrefix+base64.StdEncoding.EncodeToString(forged)); state != TokenInvalid {
			t.Errorf("%s: %v", name, state)
		}
	}
}

func TestTokenKeyFile(t *testing.T) {
	var file strings.Builder
	if err := WriteTokenKey(&file); err != nil {
		t.Fatal(err)
	}
	if key, err := ParseTokenKey([]byte(file.String())); err != nil || len(key) != tokenKeyLen {
		t.Errorf("%d bytes, %v", len(key), err)
	}
	// As `openvpn --genkey auth-token` of 2.6 writes it.
	stock := `-----BEGIN OpenVPN auth-token server key-----
k+Gs4O+r58c2yzeA4DSiHcsZlI3B+WJNQ2y40V0uqeAES+oHWMNiQidJ2kxC3wyw
qPIjfRln88/ddOyE0F0RiHhLlAIEswokkAJtsQh/ceu6HN9hbrGD9Dj6Swnf2AhM
YVHzHPDPtfYzc8eCZ8FLPqWUPp733znmb7h5xMyHeKw=
-----END OpenVPN auth-token server key-----
`
	if _, err := ParseTokenKey([]byte(stock)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "-----BEGIN X-----\nAAAA\n-----END X-----\n", strings.Replace(stock, "k+Gs4O", "", 1)} {
		if _, err := ParseTokenKey([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzToken(f *testing.F) {
	tokens := &Tokens{Key: make([]byte, tokenKeyLen), Lifetime: time.Hour}
	f.Add("ada", tokens.Issue(start, "eve", &Token{Began: start}))
	f.Add("ada", tokens.Issue(start, "eve", &Token{Began: start, Note: []byte("noted")}))
	f.Add("", tokenPrefix+"AAAA")
	f.Fuzz(func(t *testing.T, user, password string) {
		if state, _ := tokens.Check(start, user, password); state != TokenInitial && state != TokenInvalid && user != "eve" {
			t.Errorf("%q has a token that was never given: %v", user, state)
		}
	})
}
