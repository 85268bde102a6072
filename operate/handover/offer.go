// Package handover hands a profile to the device it is for, by a link that works once and
// ends. The store has the profile sealed by a key that only the link has, so that neither
// the store nor a backup of it can be used in the link's place.
package handover

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"culvert/store"
)

// prefix is that of the keys: handover/ID, an Offer.
const prefix = "handover/"

const version = 1

// Offer is a profile that waits to be fetched.
type Offer struct {
	Name    string    `json:"name"` // of the client or device
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Sealed  []byte    `json:"sealed"`
}

// The shortest and the longest time that a link may work.
const (
	MinLife = time.Minute
	MaxLife = 30 * 24 * time.Hour
)

// Errors of Fetch and Look.
var (
	// ErrGone is returned for a link that was used, has ended, or never was.
	ErrGone = errors.New("this link was used before, has ended, or is not complete; ask for another one")
)

// tokenLen is how many random bytes a link has.
const tokenLen = 20

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

// Make offers a profile of a name, for a while from now on, and returns the token that a
// link to it ends in.
func Make(ctx context.Context, s store.Store, now time.Time, name string, profile []byte, life time.Duration) (token string, err error) {
	if err := CheckLife(life); err != nil {
		return "", err
	}
	secret := make([]byte, tokenLen)
	rand.Read(secret)
	token = strings.ToLower(letters.EncodeToString(secret))
	id, aead, err := lockOf(token)
	if err != nil {
		return "", err
	}
	offer := Offer{Name: name, Created: now.UTC(), Expires: now.Add(life).UTC()}
	offer.Sealed = aead.Seal(nil, make([]byte, aead.NonceSize()), profile, []byte(name))
	value, err := store.Encode(version, offer)
	if err != nil {
		return "", err
	}
	_, err = s.Commit(ctx, store.Txn{If: []store.Compare{{Key: id}}, Put: []store.Put{{Key: id, Value: value}}})
	return token, err
}

// CheckLife returns what is wrong with how long a link is to work.
func CheckLife(life time.Duration) error {
	if life < MinLife || life > MaxLife {
		return fmt.Errorf("a link for %v: expected at least a minute, and at most 30 days", life)
	}
	return nil
}

// aead seals under a key that is used once: its nonce may be zero.
type aead interface {
	NonceSize() int
	Seal(dst, nonce, plaintext, additional []byte) []byte
	Open(dst, nonce, ciphertext, additional []byte) ([]byte, error)
}

// lockOf returns the key of a token's offer in the store, and what seals it.
func lockOf(token string) (id string, a aead, err error) {
	secret, err := letters.DecodeString(strings.ToUpper(token))
	if err != nil || len(secret) != tokenLen || len(token) != letters.EncodedLen(tokenLen) {
		return "", nil, ErrGone
	}
	name, err := hkdf.Key(sha256.New, secret, nil, "culvert: the name of an offered profile", 16)
	if err != nil {
		return "", nil, err
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "culvert: the key of an offered profile", chacha20poly1305.KeySize)
	if err != nil {
		return "", nil, err
	}
	a, err = chacha20poly1305.NewX(key)
	return prefix + hex.EncodeToString(name), a, err
}

// Look returns what a token offers, and leaves it there: ErrGone for nothing.
func Look(ctx context.Context, s store.Store, now time.Time, token string) (Offer, error) {
	offer, _, err := look(ctx, s, now, token)
	return offer, err
}

func look(ctx context.Context, s store.Store, now time.Time, token string) (o Offer, e store.Entry, err error) {
	id, _, err := lockOf(token)
	if err != nil {
		return o, e, err
	}
	if e, err = s.Get(ctx, id); errors.Is(err, store.ErrNotFound) {
		return o, e, ErrGone
	}
	if err != nil {
		return o, e, err
	}
	if _, err = store.Decode(e, version, &o); err != nil {
		return o, e, err
	}
	if !now.Before(o.Expires) {
		return o, e, ErrGone
	}
	return o, e, nil
}

// Fetch returns what a token offers with its profile, and takes it away: ErrGone for
// nothing. Of two that fetch it at once, one gets it.
func Fetch(ctx context.Context, s store.Store, now time.Time, token string) (o Offer, profile []byte, err error) {
	o, e, err := look(ctx, s, now, token)
	if err != nil {
		return o, nil, err
	}
	id, a, err := lockOf(token)
	if err != nil {
		return o, nil, err
	}
	profile, err = a.Open(nil, make([]byte, a.NonceSize()), o.Sealed, []byte(o.Name))
	if err != nil {
		return o, nil, fmt.Errorf("record %s is damaged: its profile cannot be opened", e.Key)
	}
	_, err = s.Commit(ctx, store.Txn{If: []store.Compare{{Key: id, Revision: e.Revision}}, Delete: []string{id}})
	var conflict *store.ConflictError
	if errors.As(err, &conflict) {
		return o, nil, ErrGone
	}
	if err != nil {
		return o, nil, err
	}
	return o, profile, nil
}

// Sweep takes away what has ended.
func Sweep(ctx context.Context, s store.Store, now time.Time) error {
	all, err := s.List(ctx, prefix)
	if err != nil {
		return err
	}
	for _, e := range all.Entries {
		var o Offer
		if _, err := store.Decode(e, version, &o); err != nil || now.Before(o.Expires) {
			continue
		}
		_, err := s.Commit(ctx, store.Txn{If: []store.Compare{{Key: e.Key, Revision: e.Revision}}, Delete: []string{e.Key}})
		if err != nil && !errors.As(err, new(*store.ConflictError)) {
			return err
		}
	}
	return nil
}
