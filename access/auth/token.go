package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"time"
)

// tokenKeyType is the PEM type of a file for auth-gen-token-secret.
const tokenKeyType = "OpenVPN auth-token server key"

// tokenKeyLen is the length of such a key, in bytes, as OpenVPN makes it.
const tokenKeyLen = 128

// NewTokenKey makes a key for tokens.
func NewTokenKey() []byte {
	key := make([]byte, tokenKeyLen)
	rand.Read(key)
	return key
}

// WriteTokenKey makes a file for auth-gen-token-secret (--genkey auth-token).
func WriteTokenKey(w io.Writer) error {
	return pem.Encode(w, &pem.Block{Type: tokenKeyType, Bytes: NewTokenKey()})
}

// ParseTokenKey reads a file for auth-gen-token-secret.
func ParseTokenKey(text []byte) ([]byte, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == tokenKeyType {
			if len(block.Bytes) != tokenKeyLen {
				return nil, fmt.Errorf("the token key has %d bytes, expected %d; make it anew: --genkey auth-token FILE", len(block.Bytes), tokenKeyLen)
			}
			return block.Bytes, nil
		}
	}
	return nil, fmt.Errorf("expected a PEM block %q; make one: --genkey auth-token FILE", tokenKeyType)
}

// TokenState says how good a password is as a token. Its String is the
// session_state that programs get.
type TokenState int

// The states. EmptyUser marks a token of an empty user name.
const (
	TokenInitial TokenState = iota // no token
	TokenAuthenticated
	TokenExpired
	TokenInvalid
	TokenAuthenticatedEmptyUser
	TokenExpiredEmptyUser
)

func (s TokenState) String() string {
	return [...]string{"Initial", "Authenticated", "Expired", "Invalid", "AuthenticatedEmptyUser", "ExpiredEmptyUser"}[s]
}

// Token is what a server reads about a login from the token that it gave out.
type Token struct {
	Session [12]byte
	Began   time.Time // the first login
	Renewed time.Time
	// Note is what the sign-in has it remember (Verdict.Note): at most MaxNote bytes.
	Note []byte
}

// MaxNote is how long a Token's Note may be, in bytes.
const MaxNote = 16

// SessionID returns the login's number in the form that programs get: base64.
func (t *Token) SessionID() string { return base64.StdEncoding.EncodeToString(t.Session[:]) }

// Tokens makes and checks tokens. Their format is the server's own; clients
// cannot read it:
//
//	SESS_ID_AT_ base64( session 12 | began 8 | renewed 8 | note 0..16 | HMAC-SHA256 32 )
//
// Times are Unix seconds. The HMAC is over the user name, a NUL, the fields before
// the HMAC, and what the token is bound to; with a note it has a key of its own. Clients
// know a token by its prefix.
type Tokens struct {
	Key []byte
	// Older are previous keys. Tokens made with them are still accepted.
	Older [][]byte
	// Lifetime is how long a login lasts; 0: without end. A token that was not
	// renewed for twice Renewal has expired too; 0: no such limit.
	Lifetime, Renewal time.Duration

	bind string
}

// For returns Tokens whose tokens are good only together with something else,
// such as the certificate of the client that shows them.
func (t *Tokens) For(bind string) *Tokens {
	bound := *t
	bound.bind = bind
	return &bound
}

const (
	tokenPrefix = "SESS_ID_AT_"
	tokenBody   = 12 + 8 + 8 // without a note
	tokenMost   = tokenBody + MaxNote
)

// Begin returns a new login.
func (t *Tokens) Begin(now time.Time) *Token {
	token := &Token{Began: now, Renewed: now}
	rand.Read(token.Session[:])
	return token
}

// Issue renews a login's token for a user and returns it as text. A note that is too long
// is left out.
func (t *Tokens) Issue(now time.Time, username string, token *Token) string {
	token.Renewed = now
	b := append(make([]byte, 0, tokenMost+sha256.Size), token.Session[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(token.Began.Unix()))
	b = binary.BigEndian.AppendUint64(b, uint64(token.Renewed.Unix()))
	if len(token.Note) <= MaxNote {
		b = append(b, token.Note...)
	}
	return tokenPrefix + base64.StdEncoding.EncodeToString(append(b, t.mac(t.Key, username, b)...))
}

func (t *Tokens) mac(key []byte, username string, body []byte) []byte {
	if len(body) > tokenBody { // else a body could end where another one's note begins
		h := hmac.New(sha256.New, key)
		io.WriteString(h, "culvert: tokens with a note")
		key = h.Sum(nil)
	}
	h := hmac.New(sha256.New, key)
	io.WriteString(h, username+"\x00")
	h.Write(body)
	io.WriteString(h, t.bind)
	return h.Sum(nil)
}

// made reports whether this server made a token, with any of its keys.
func (t *Tokens) made(username string, body, mac []byte) bool {
	ok := hmac.Equal(mac, t.mac(t.Key, username, body))
	for _, key := range t.Older {
		ok = hmac.Equal(mac, t.mac(key, username, body)) || ok
	}
	return ok
}

// Check reports how good a user's password is as a token, and which login it
// continues; nil if this server did not make it.
func (t *Tokens) Check(now time.Time, username, password string) (TokenState, *Token) {
	text, ok := strings.CutPrefix(password, tokenPrefix)
	if !ok {
		return TokenInitial, nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	end := len(b) - sha256.Size
	if err != nil || end < tokenBody || end > tokenMost {
		return TokenInvalid, nil
	}
	body, mac := b[:end], b[end:]
	named, nameless := t.made(username, body, mac), t.made("", body, mac)
	if !named && !nameless {
		return TokenInvalid, nil
	}
	token := parseToken(body)
	switch expired := t.expired(now, token); {
	case named && expired:
		return TokenExpired, token
	case named:
		return TokenAuthenticated, token
	case expired:
		return TokenExpiredEmptyUser, token
	}
	return TokenAuthenticatedEmptyUser, token
}

func parseToken(body []byte) *Token {
	token := new(Token)
	r := bytes.NewBuffer(body)
	copy(token.Session[:], r.Next(12))
	token.Began = time.Unix(int64(binary.BigEndian.Uint64(r.Next(8))), 0)
	token.Renewed = time.Unix(int64(binary.BigEndian.Uint64(r.Next(8))), 0)
	if r.Len() > 0 {
		token.Note = bytes.Clone(r.Bytes())
	}
	return token
}

// expired reports whether a token has expired. One from the future has, too: it
// was made before the clock was set back.
func (t *Tokens) expired(now time.Time, token *Token) bool {
	return t.Lifetime > 0 && now.Sub(token.Began) >= t.Lifetime ||
		t.Renewal > 0 && now.Sub(token.Renewed) > 2*t.Renewal ||
		token.Renewed.Sub(now) > time.Minute
}
