// Package onetime is codes that are good once: those of an authenticator app, made from a
// secret and the time (RFC 6238: HMAC-SHA-1, six digits, each for 30 seconds), and recovery
// codes, for who has lost the app.
package onetime

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

// Digits is the length of a code.
const Digits = 6

const (
	period      = 30 // seconds
	secretBytes = 20
	skew        = 1 // steps that a clock may be wrong by
)

// NewSecret makes a secret. random is cryptographically secure.
func NewSecret(random io.Reader) ([]byte, error) {
	secret := make([]byte, secretBytes)
	_, err := io.ReadFull(random, secret)
	return secret, err
}

// step numbers the time in which a code is good.
func step(now time.Time) int64 { return now.Unix() / period }

// Verify returns the step of a code that is right now, or at most one step ago or ahead, and
// later than the step last, whose code was taken before. It takes as long for a wrong one. A
// last that lies ahead is of a clock that was wrong then, and locks nobody out now.
func Verify(secret []byte, code string, last int64, now time.Time) (taken int64, ok bool) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	if last > step(now)+skew {
		last = 0
	}
	for s := step(now) - skew; s <= step(now)+skew; s++ {
		if same(code, at(secret, s)) && s > last && !ok {
			taken, ok = s, true
		}
	}
	return taken, ok
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// At returns the code that is right at a time.
func At(secret []byte, now time.Time) string { return at(secret, step(now)) }

func at(secret []byte, step int64) string {
	code, err := hotp.GenerateCodeCustom(Text(secret), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		panic("onetime: " + err.Error()) // the secret is base32 of our own
	}
	return code
}

// Text returns a secret as people type it: base32 without padding.
func Text(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// Groups returns text in groups of four, as it is easier to type.
func Groups(text, between string) string {
	var b strings.Builder
	for i, r := range text {
		if i > 0 && i%4 == 0 {
			b.WriteString(between)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// URL returns what authenticator apps read from a QR code: otpauth://totp/ISSUER:USER?...
func URL(issuer, user string, secret []byte) (string, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: user, Secret: secret, Period: period, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return "", fmt.Errorf("the QR code of %s at %s: %w", user, issuer, err)
	}
	return key.URL(), nil
}

// The shape of recovery codes: 80 random bits, so that a plain hash of one cannot be
// guessed.
const (
	recoveryCodes = 10
	recoveryBytes = 10
)

// NewRecovery makes recovery codes, to be shown once, and their hashes, to be kept. random
// is cryptographically secure.
func NewRecovery(random io.Reader) (codes, hashes []string, err error) {
	for range recoveryCodes {
		b := make([]byte, recoveryBytes)
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, nil, err
		}
		text := strings.ToLower(Text(b))
		codes, hashes = append(codes, Groups(text, "-")), append(hashes, recoveryHash(text))
	}
	return codes, hashes, nil
}

// recoveryLen is how long a recovery code is, without dashes.
const recoveryLen = 16

// CutRecovery takes a recovery code off the end of a text, with its dashes or without.
// Found is false if there is none there whose hash is among those.
func CutRecovery(hashes []string, text string) (before, code string, found bool) {
	for _, n := range []int{recoveryLen, recoveryLen + recoveryLen/4 - 1} {
		if at := len(text) - n; at >= 0 && Recovery(hashes, text[at:]) >= 0 {
			return text[:at], text[at:], true
		}
	}
	return text, "", false
}

func recoveryHash(text string) string {
	sum := sha256.Sum256([]byte("culvert recovery code " + text))
	return hex.EncodeToString(sum[:])
}

// Recovery returns the index of the hash of a recovery code, or -1. Case, spaces and dashes
// do not matter.
func Recovery(hashes []string, code string) int {
	hash := recoveryHash(strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(code)))
	found := -1
	for i, h := range hashes {
		if same(h, hash) {
			found = i
		}
	}
	return found
}
