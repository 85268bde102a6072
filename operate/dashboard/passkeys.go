package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"culvert/store"
)

const (
	passkeyPrefix  = "passkeys/"
	passkeyVersion = 1
	// mostPasskeys is how many one person may have, and mostOfAll how many there may be.
	mostPasskeys = 16
	mostOfAll    = 4096
	maxLabel     = 64 // bytes of a passkey's name
)

// passkey is a passkey's record. What it can be used for is decided when it is used.
type passkey struct {
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
	Transports []protocol.AuthenticatorTransport `json:"transports,omitempty"`
}

// Passkey is one of who is signed in, as the API says it.
type Passkey struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Created time.Time  `json:"created"`
	Used    *time.Time `json:"used,omitempty"` // nil: never
}

func (p *passkey) shown() Passkey {
	s := Passkey{ID: passkeyID(p.ID), Name: p.Name, Created: p.Created}
	if !p.Used.IsZero() {
		s.Used = &p.Used
	}
	return s
}

// credential is the record as the library takes it.
func (p *passkey) credential() webauthn.Credential {
	return webauthn.Credential{
		ID: p.ID, PublicKey: p.PublicKey, AttestationType: "none", Transport: p.Transports, Flags: webauthn.CredentialFlagsFromMsgpByte(p.Flags),
		Authenticator: webauthn.Authenticator{AAGUID: p.AAGUID, SignCount: p.Count},
	}
}

func passkeyID(credential []byte) string {
	sum := sha256.Sum256(credential)
	return hex.EncodeToString(sum[:16])
}

// ofPerson reports whether a passkey is somebody's.
func (p *passkey) ofPerson(who person) bool {
	return p.User == who.user && (who.user == "" || p.Since.Equal(who.created))
}

// keyring has the passkeys of a store.
type keyring struct {
	store  store.Store
	people *People // nil: there are no users
}

// of returns somebody's passkeys, the first that was enrolled first.
func (k keyring) of(ctx context.Context, who person) (own []*passkey, err error) {
	all, err := k.store.List(ctx, passkeyPrefix)
	if err != nil {
		return nil, err
	}
	for _, e := range all.Entries {
		p := new(passkey)
		if _, err := store.Decode(e, passkeyVersion, p); err == nil && p.ofPerson(who) {
			own = append(own, p)
		}
	}
	slices.SortFunc(own, func(a, b *passkey) int { return a.Created.Compare(b.Created) })
	return own, nil
}

// add keeps a passkey, if there are not too many. None of users who are gone stays.
func (k keyring) add(ctx context.Context, p *passkey) error {
	all, err := k.store.List(ctx, passkeyPrefix)
	if err != nil {
		return err
	}
	left, own := 0, 0
	for _, e := range all.Entries {
		other := new(passkey)
		if _, err := store.Decode(e, passkeyVersion, other); err == nil && k.orphaned(other) {
			k.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: e.Key, Revision: e.Revision}}, Delete: []string{e.Key}})
			continue
		}
		left++
		if other.User == p.User {
			own++
		}
	}
	if own >= mostPasskeys || left >= mostOfAll {
		return tooManyPasskeys.Error(fmt.Sprintf("there are %d passkeys of yours already", own), "remove one that is not used any more")
	}
	value, err := store.Encode(passkeyVersion, p)
	if err != nil {
		return err
	}
	key := passkeyPrefix + passkeyID(p.ID)
	_, err = k.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: key}}, Put: []store.Put{{Key: key, Value: value}}})
	if errors.As(err, new(*store.ConflictError)) {
		return wrongPasskey.Error("this passkey is enrolled already", "")
	}
	return err
}

// orphaned reports whether a passkey is that of a user who is gone.
func (k keyring) orphaned(p *passkey) bool {
	if p.User == "" || k.people == nil {
		return p.User != ""
	}
	u := k.people.User(p.User)
	return u == nil || !u.Created.Equal(p.Since)
}

// find returns a passkey by its credential's id, with its record's revision; nil: there
// is none.
func (k keyring) find(ctx context.Context, credential []byte) (*passkey, store.Revision, error) {
	e, err := k.store.Get(ctx, passkeyPrefix+passkeyID(credential))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	p := new(passkey)
	if _, err := store.Decode(e, passkeyVersion, p); err != nil {
		return nil, 0, err
	}
	return p, e.Revision, nil
}

// used notes that a passkey was used. Somebody else may have changed it meanwhile: then its
// next use is noted.
func (k keyring) used(ctx context.Context, p *passkey, at store.Revision) error {
	value, err := store.Encode(passkeyVersion, p)
	if err != nil {
		return err
	}
	key := passkeyPrefix + passkeyID(p.ID)
	_, err = k.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: key, Revision: at}}, Put: []store.Put{{Key: key, Value: value}}})
	if errors.As(err, new(*store.ConflictError)) {
		return nil
	}
	return err
}

// drop removes one of somebody's passkeys, and returns its name; ok is false if they
// have no such.
func (k keyring) drop(ctx context.Context, who person, id string) (name string, ok bool, err error) {
	own, err := k.of(ctx, who)
	if err != nil {
		return "", false, err
	}
	i := slices.IndexFunc(own, func(p *passkey) bool { return passkeyID(p.ID) == id })
	if i < 0 {
		return "", false, nil
	}
	_, err = k.store.Commit(ctx, store.Txn{Delete: []string{passkeyPrefix + id}})
	return own[i].Name, err == nil, err
}

// label is a passkey's name as it is kept.
func label(name string) string {
	name = strings.Join(strings.Fields(strings.ToValidUTF8(name, "")), " ")
	if len(name) > maxLabel {
		name = strings.ToValidUTF8(name[:maxLabel], "")
	}
	if name == "" {
		return "passkey"
	}
	return name
}
