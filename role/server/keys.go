package server

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"culvert/access/auth"
	"culvert/config"
	"culvert/host/process"
	"culvert/role/profile"
	"culvert/session"
)

// keptKeys is what the server's next process needs to accept what this one gave out:
// tokens, and the session ids of handshakes that have begun.
type keptKeys struct {
	Cookie []byte     `json:"cookie"`
	Tokens []tokenKey `json:"tokens"` // the newest first
}

type tokenKey struct {
	Key  []byte    `json:"key"`
	Made time.Time `json:"made"`
}

// tokenKeyAge is how old a key may be before the next process makes tokens with a new
// one, and how long an old key is accepted after that: by then every token was renewed
// or has expired. It grows with the longest time that a login may last.
const tokenKeyAge = 30 * 24 * time.Hour

// renew drops keys that were replaced too long ago, and adds what is missing. It
// reports whether anything changed. Of the newest key, the age does not matter: the
// previous process may have made tokens with it until its end.
func (k *keptKeys) renew(now time.Time, lifetime time.Duration) (changed bool) {
	age := max(tokenKeyAge, lifetime)
	var good []tokenKey
	for _, t := range k.Tokens {
		if t.Made.After(now) { // the clock was wrong then, or is wrong now
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

// keeper keeps a server's keys over a restart, sealed, in a file.
type keeper struct {
	dir      string // "": they are not kept
	identity *tls.Certificate
	// scope says what the keys are good for. Another server, or one that asks
	// another program for passwords or listens elsewhere, has a file of its own, so
	// that neither accepts the other's tokens.
	scope   string
	greeter *session.Greeter
	tokens  *auth.Tokens // nil: there are none whose key this process makes
	log     *slog.Logger
}

// newKeeper returns the keeper for a configuration's server.
func newKeeper(c *config.Config, network netip.Prefix, dir string, t *tls.Config) *keeper {
	shown := profile.Identity(t)
	if shown == nil {
		dir = ""
	}
	k := &keeper{dir: dir, scope: fmt.Sprintf("%q %q %q", c.Login.UserPassVerify, fmt.Sprint(c.Link.Proto, c.Link.LocalPort), network)}
	if dir != "" {
		k.identity = shown
	}
	return k
}

// take goes on with the previous process's keys, if they are kept.
func (k *keeper) take(now time.Time) {
	if k.dir == "" {
		return
	}
	seal, path, err := k.seal()
	if err != nil {
		k.log.Warn("keys are not kept over a restart; then "+k.unkept(), "error", err)
		return
	}
	keys := new(keptKeys)
	if err := seal.load(path, keys); err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.log.Warn("the kept keys cannot be used and new ones are made; "+k.unkept(), "file", path, "error", err)
		keys = new(keptKeys)
	}
	lifetime := time.Duration(0)
	if k.tokens != nil {
		lifetime = k.tokens.Lifetime
	}
	if keys.renew(now, lifetime) {
		if err := seal.save(path, keys); err != nil {
			k.log.Warn("keys cannot be kept over a restart; then "+k.unkept(), "error", err)
		}
	}
	k.greeter.UseKey([session.CookieKeyLen]byte(keys.Cookie))
	if k.tokens != nil {
		k.tokens.Key, k.tokens.Older = keys.Tokens[0].Key, nil
		for _, old := range keys.Tokens[1:] {
			k.tokens.Older = append(k.tokens.Older, old.Key)
		}
	}
}

// unkept says what happens to clients when the keys change.
func (k *keeper) unkept() string {
	if k.tokens != nil {
		return "users have to enter their passwords again"
	}
	return "handshakes under way start again"
}

// seal returns what opens this server's kept keys, and the name of their file. Only
// those who have the server's private key can open them.
func (k *keeper) seal() (keySeal, string, error) {
	secret, err := x509.MarshalPKCS8PrivateKey(k.identity.PrivateKey)
	if err != nil {
		return nil, "", err
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "culvert: keys that a server keeps", 32)
	if err != nil {
		return nil, "", err
	}
	scope := sha256.New()
	fmt.Fprintf(scope, "%q %s", k.identity.Leaf.RawSubjectPublicKeyInfo, k.scope)
	return key, filepath.Join(k.dir, "keys-"+hex.EncodeToString(scope.Sum(nil)[:8])), nil
}

// keySeal is a key of 32 bytes that encrypts a file with AES-256-GCM: a nonce, and
// sealed JSON.
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
		return errors.New("it is damaged, or the server has another private key now")
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
