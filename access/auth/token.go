package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"time"
)

// tokenKeyType is the PEM type of a file for auth-gen-token-secret.
const tokenKeyType = "OpenVPN auth-token server key"

// tokenKeyLen is what OpenVPN makes such a key of, bytes.
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

// ParseTokenKey reads such a file.
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

// TokenState is what a password is worth as a token; its String is the
// session_state that programs are told.
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

// Token is what a server knows of a login by the token it gave for it.
type Token struct {
	Session [12]byte
	Began   time.Time // the first login
	Renewed time.Time
}

// SessionID is the login's number, as programs are told it.
func (t *Token) SessionID() string { return hex.EncodeToString(t.Session[:]) }

// Tokens makes and checks tokens. They are the server's own affair and opaque
// to clients:
//
//	SESS_ID_AT_ base64( session 12 | began 8 | renewed 8 | HMAC-SHA256 32 )
//
// with Unix seconds, and the HMAC over the user name, a NUL, what stands before
// it, and what the token is bound to. The prefix tells clients that it is a token.
type Tokens struct {
	Key []byte
	// Older are keys that tokens may have been made with before.
	Older [][]byte
	// Lifetime ends a login, 0 for never. A token that was not renewed for
	// twice Renewal has expired too; 0 for no such limit.
	Lifetime, Renewal time.Duration

	bind string
}

// For makes and checks tokens that are good only together with something else,
// such as the certificate of whoever shows them.
func (t *Tokens) For(bind string) *Tokens {
	bound := *t
	bound.bind = bind
	return &bound
}

const (
	tokenPrefix = "SESS_ID_AT_"
	tokenBody   = 12 + 8 + 8
	tokenLen    = tokenBody + sha256.Size
)

// Begin is a new login.
func (t *Tokens) Begin(now time.Time) *Token {
	token := &Token{Began: now, Renewed: now}
	rand.Read(token.Session[:])
	return token
}

// Issue renews a login's token for a user and returns it as text.
func (t *Tokens) Issue(now time.Time, username string, token *Token) string {
	token.Renewed = now
	b := append(make([]byte, 0, tokenLen), token.Session[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(token.Began.Unix()))
	b = binary.BigEndian.AppendUint64(b, uint64(token.Renewed.Unix()))
	return tokenPrefix + base64.StdEncoding.EncodeToString(append(b, t.mac(t.Key, username, b)...))
}

func (t *Tokens) mac(key []byte, username string, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, username+"\x00")
	h.Write(body)
	io.WriteString(h, t.bind)
	return h.Sum(nil)
}

// made reports that a token is of this server, by any of its keys.
func (t *Tokens) made(username string, body, mac []byte) bool {
	ok := hmac.Equal(mac, t.mac(t.Key, username, body))
	for _, key := range t.Older {
		ok = hmac.Equal(mac, t.mac(key, username, body)) || ok
	}
	return ok
}

// Check reports what a user's password is worth as a token, and whose login it
// continues; nil where it is none of ours.
func (t *Tokens) Check(now time.Time, username, password string) (TokenState, *Token) {
	text, ok := strings.CutPrefix(password, tokenPrefix)
	if !ok {
		return TokenInitial, nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != tokenLen {
		return TokenInvalid, nil
	}
	body, mac := b[:tokenBody], b[tokenBody:]
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
	return token
}

// expired also holds for a token of the future, which a clock set back makes.
func (t *Tokens) expired(now time.Time, token *Token) bool {
	return t.Lifetime > 0 && now.Sub(token.Began) >= t.Lifetime ||
		t.Renewal > 0 && now.Sub(token.Renewed) > 2*t.Renewal ||
		token.Renewed.Sub(now) > time.Minute
}
