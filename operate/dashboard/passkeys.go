package dashboard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"culvert/access/passkeys"
	"culvert/store"
)

const (
	// mostPasskeys is how many one person may have, and mostOfAll how many there may be.
	mostPasskeys = 16
	mostOfAll    = 4096
	maxLabel     = 64 // bytes of a passkey's name
)

// Passkey is one of who is signed in, as the API says it.
type Passkey struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Created time.Time  `json:"created"`
	Used    *time.Time `json:"used,omitempty"` // nil: never
}

func shownOf(p *passkeys.Passkey) Passkey {
	s := Passkey{ID: passkeys.Digest(p.ID), Name: p.Name, Created: p.Created}
	if !p.Used.IsZero() {
		s.Used = &p.Used
	}
	return s
}

// asCredential is the record as the library takes it.
func asCredential(p *passkeys.Passkey) webauthn.Credential {
	transports := make([]protocol.AuthenticatorTransport, len(p.Transports))
	for i, t := range p.Transports {
		transports[i] = protocol.AuthenticatorTransport(t)
	}
	return webauthn.Credential{
		ID: p.ID, PublicKey: p.PublicKey, AttestationType: "none", Transport: transports, Flags: webauthn.CredentialFlagsFromMsgpByte(p.Flags),
		Authenticator: webauthn.Authenticator{AAGUID: p.AAGUID, SignCount: p.Count},
	}
}

// keyring has the passkeys of a store.
type keyring struct {
	store  store.Store
	people *People // nil: there are no users
}

// of returns somebody's passkeys, the first that was enrolled first.
func (k keyring) of(ctx context.Context, who person) ([]*passkeys.Passkey, error) {
	return passkeys.Of(ctx, k.store, who.user, who.created)
}

// hasSecond reports whether somebody has more than a password.
func (k keyring) hasSecond(ctx context.Context, who person) bool {
	if who.user != "" {
		if u := k.people.User(who.user); u != nil && u.TOTP != nil && u.TOTP.Confirmed {
			return true
		}
	}
	own, err := k.of(ctx, who)
	return err == nil && len(own) > 0
}

// add keeps a passkey, if there are not too many. None of users who are gone stays.
func (k keyring) add(ctx context.Context, p *passkeys.Passkey) error {
	all, err := k.store.List(ctx, passkeys.Prefix)
	if err != nil {
		return err
	}
	left, own := 0, 0
	for _, e := range all.Entries {
		other := new(passkeys.Passkey)
		if _, err := store.Decode(e, passkeys.Version, other); err == nil && k.orphaned(other) {
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
	value, err := store.Encode(passkeys.Version, p)
	if err != nil {
		return err
	}
	key := passkeys.Key(p.ID)
	_, err = k.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: key}}, Put: []store.Put{{Key: key, Value: value}}})
	if errors.As(err, new(*store.ConflictError)) {
		return wrongPasskey.Error("this passkey is enrolled already", "")
	}
	return err
}

// orphaned reports whether a passkey is that of a user who is gone.
func (k keyring) orphaned(p *passkeys.Passkey) bool {
	if p.User == "" || k.people == nil {
		return p.User != ""
	}
	u := k.people.User(p.User)
	return u == nil || !u.Created.Equal(p.Since)
}

// find returns a passkey by its credential's id, with its record's revision; nil: there
// is none.
func (k keyring) find(ctx context.Context, credential []byte) (*passkeys.Passkey, store.Revision, error) {
	e, err := k.store.Get(ctx, passkeys.Key(credential))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	p := new(passkeys.Passkey)
	if _, err := store.Decode(e, passkeys.Version, p); err != nil {
		return nil, 0, err
	}
	return p, e.Revision, nil
}

// used notes that a passkey was used. Somebody else may have changed it meanwhile: then its
// next use is noted.
func (k keyring) used(ctx context.Context, p *passkeys.Passkey, at store.Revision) error {
	value, err := store.Encode(passkeys.Version, p)
	if err != nil {
		return err
	}
	key := passkeys.Key(p.ID)
	_, err = k.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: key, Revision: at}}, Put: []store.Put{{Key: key, Value: value}}})
	if errors.As(err, new(*store.ConflictError)) {
		return nil
	}
	return err
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
