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

// keeper keeps a server's keys over a restart, sealed, in a file.
type keeper struct {
	dir      string // "": they are not kept
	identity *tls.Certificate
	// scope is what the keys are good for: another server, or one that asks another
	// program for passwords or listens elsewhere, has a file of its own, so that a
	// token that one gave is none of the other.
	scope   string
	greeter *session.Greeter
	tokens  *auth.Tokens // nil: none that this process makes the key of
	log     *slog.Logger
}

// newKeeper is what keeps the keys of a configuration's server.
func newKeeper(c *config.Config, network netip.Prefix, dir string, t *tls.Config) *keeper {
	if len(t.Certificates) == 0 {
		dir = ""
	}
	k := &keeper{dir: dir, scope: fmt.Sprintf("%q %q %q", c.Login.UserPassVerify, fmt.Sprint(c.Link.Proto, c.Link.LocalPort), network)}
	if dir != "" {
		k.identity = &t.Certificates[0]
	}
	return k
}

// take goes on with the keys of the process before, where they are kept.
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

// unkept is what becomes of clients when keys are others.
func (k *keeper) unkept() string {
	if k.tokens != nil {
		return "users have to enter their passwords again"
	}
	return "handshakes under way start again"
}

// seal is what opens this server's keys, and their file. Only who has its private key
// can open them.
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
