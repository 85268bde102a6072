// Package passkeys has the passkeys of people who use a server's dashboard, as records of its
// store: what each is called, whose it is, and what proves that it was used.
package passkeys

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"culvert/store"
)

const (
	// Prefix is what keys of passkeys begin with.
	Prefix = "passkeys/"
	// Version is that of their records.
	Version = 1
)

// Passkey is a passkey's record. What it can be used for is decided when it is used.
type Passkey struct {
	// User is whose of the store it is; "": of whoever has all rights on the server.
	User string `json:"user,omitempty"`
	// Since is when the user was created: that of another one of the name is not theirs.
	Since     time.Time `json:"since,omitzero"`
	Name      string    `json:"name"`
	Created   time.Time `json:"created"`
	Used      time.Time `json:"used,omitzero"`
	ID        []byte    `json:"id"`
	PublicKey []byte    `json:"public_key"`
	Count     uint32    `json:"count,omitempty"` // of signatures, as the authenticator last said it
	AAGUID    []byte    `json:"aaguid,omitempty"`
	Flags     byte      `json:"flags"`
	// Transports are by which way browsers reach it.
	Transports []string `json:"transports,omitempty"`
}

// Digest is what others call a passkey by, of its credential's id.
func Digest(credential []byte) string {
	sum := sha256.Sum256(credential)
	return hex.EncodeToString(sum[:16])
}

// Key is where the record of a credential is kept.
func Key(credential []byte) string { return Prefix + Digest(credential) }

// Of returns the passkeys of a user who was created at a time, the first that was enrolled
// first. With no user they are those of whoever has all rights.
func Of(ctx context.Context, s store.Store, user string, created time.Time) (own []*Passkey, err error) {
	all, err := s.List(ctx, Prefix)
	if err != nil {
		return nil, err
	}
	for _, e := range all.Entries {
		p := new(Passkey)
		if _, err := store.Decode(e, Version, p); err == nil && p.User == user && (user == "" || p.Since.Equal(created)) {
			own = append(own, p)
		}
	}
	slices.SortFunc(own, func(a, b *Passkey) int { return a.Created.Compare(b.Created) })
	return own, nil
}

// Drop removes one of those that Of returns, by its digest, and returns its name; ok is false
// if there is no such.
func Drop(ctx context.Context, s store.Store, user string, created time.Time, digest string) (name string, ok bool, err error) {
	own, err := Of(ctx, s, user, created)
	if err != nil {
		return "", false, err
	}
	i := slices.IndexFunc(own, func(p *Passkey) bool { return Digest(p.ID) == digest })
	if i < 0 {
		return "", false, nil
	}
	_, err = s.Commit(ctx, store.Txn{Delete: []string{Key(own[i].ID)}})
	return own[i].Name, err == nil, err
}
