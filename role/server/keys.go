package server

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"culvert/access/auth"
	"culvert/host/process"
	"culvert/session"
)

// keptKeys are what a server's next process needs to go on with what this one
// gave: tokens, and session ids of handshakes that have begun.
type keptKeys struct {
	Cookie []byte     `json:"cookie"`
	Tokens []tokenKey `json:"tokens"` // the newest first
}

type tokenKey struct {
	Key  []byte    `json:"key"`
	Made time.Time `json:"made"`
}

// tokenKeyAge is how long a process may run before the next one makes tokens with
// another key, and how long a key is taken after another took its place, by which
// time every token was renewed or is over. It grows with the longest that a login
// may last.
const tokenKeyAge = 30 * 24 * time.Hour

// renew drops keys whose place another took too long ago, and adds what is
// missing. It reports whether anything changed. The newest key is as good as new
// however old it is: the process before may have made tokens with it to its end.
func (k *keptKeys) renew(now time.Time, lifetime time.Duration) (changed bool) {
	age := max(tokenKeyAge, lifetime)
	var good []tokenKey
	for _, t := range k.Tokens {
		if t.Made.After(now) { // the clock was wrong then, or is now
			t.Made, changed = now, true
		}
		if len(t.Key) > 0 && (len(good) == 0 || now.Sub(good[len(good)-1].Made) < age) {
			good = append(good, t)
		}
	}
	changed = changed || len(good) != len(k.Tokens)
	if len(good) == 0 || now.Sub(good[0].Made) >= age {
		good = append([]tokenKey{{auth.NewTokenKey(), now}}, good...)
		changed = true
	}
	k.Tokens = good
	if len(k.Cookie) != session.CookieKeyLen {
		k.Cookie, changed = make([]byte, session.CookieKeyLen), true
		rand.Read(k.Cookie)
	}
	return changed
}

// takeKeys goes on with the keys of the process before, where they are kept.
func (s *Server) takeKeys(now time.Time) {
	if s.opts.KeysDir == "" || len(s.session.TLS.Certificates) == 0 {
		return
	}
	seal, path, err := s.keySeal()
	if err != nil {
		s.log.Warn("keys are not kept; after a restart "+s.unkept(), "error", err)
		return
	}
	keys := new(keptKeys)
	if err := seal.load(path, keys); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the keys that were kept cannot be used, and are made anew: "+s.unkept(), "file", path, "error", err)
		keys = new(keptKeys)
	}
	lifetime := time.Duration(0)
	if s.logins.tokens != nil {
		lifetime = s.logins.tokens.Lifetime
	}
	if keys.renew(now, lifetime) {
		if err := seal.save(path, keys); err != nil {
			s.log.Warn("keys cannot be kept; after a restart "+s.unkept(), "error", err)
		}
	}
	s.greeter.UseKey([session.CookieKeyLen]byte(keys.Cookie))
	if t := s.logins.tokens; t != nil && s.cfg.Login.GenTokenSecret == nil {
		t.Key, t.Older = keys.Tokens[0].Key, nil
		for _, old := range keys.Tokens[1:] {
			t.Older = append(t.Older, old.Key)
		}
	}
}

// unkept is what becomes of clients when keys are others.
func (s *Server) unkept() string {
	if s.logins.tokens != nil && s.cfg.Login.GenTokenSecret == nil {
		return "users are asked for their passwords again"
	}
	return "handshakes that are under way begin anew"
}

// keySeal is what opens this server's keys, and their file. Only who has its
// private key can open them, and another server, or one that asks another
// program for passwords or listens elsewhere, has a file of its own: a token
// that one gave is none of the other.
func (s *Server) keySeal() (keySeal, string, error) {
	identity := s.session.TLS.Certificates[0]
	secret, err := x509.MarshalPKCS8PrivateKey(identity.PrivateKey)
	if err != nil {
		return nil, "", err
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "culvert: keys that a server keeps", 32)
	if err != nil {
		return nil, "", err
	}
	scope := sha256.New()
	fmt.Fprintf(scope, "%q %q %q %q", identity.Leaf.RawSubjectPublicKeyInfo, s.cfg.Login.UserPassVerify, fmt.Sprint(s.cfg.Link.Proto, s.cfg.Link.LocalPort), s.book.Layout().Network)
	return key, filepath.Join(s.opts.KeysDir, "keys-"+hex.EncodeToString(scope.Sum(nil)[:8])), nil
}

// keySeal encrypts a file by AES-256-GCM under a key of 32 bytes: a nonce, and
// JSON sealed.
type keySeal []byte

func (k keySeal) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (k keySeal) load(path string, to *keptKeys) error {
	sealed, err := process.ReadFile(path)
	if err != nil {
		return err
	}
	aead, err := k.aead()
	if err != nil {
		return err
	}
	text, err := aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return errors.New("it is damaged, or the server's private key is another one now")
	}
	return json.Unmarshal(text, to)
}

func (k keySeal) save(path string, keys *keptKeys) error {
	text, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	aead, err := k.aead()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := process.OpenFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Replace(aead.Seal(nil, nil, text, nil))
}
