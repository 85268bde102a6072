// Package tokens has the tokens by which programs ask a server's API over the network: their
// records in the server's store, the operations that make and remove them, and the door, which
// lets whoever shows one in.
package tokens

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"culvert/operate/manage/api"
	"culvert/store"
)

// Prefix begins the keys of tokens' records; the name is behind it.
const Prefix = "api/tokens/"

// version is that of a token's record.
const version = 1

// Most is how many tokens a server may have.
const Most = 1000

// begins is how a token begins, so that people, and programs that look for secrets in what is
// published, know one.
const begins = "culvert_"

// secret is the random part of a token: 256 bits.
type secret [32]byte

// secretLength is that of a secret as text.
const secretLength = 43

// record is what the store has of a token: nothing that one could ask by.
type record struct {
	Name    string    `json:"name"`
	Scope   api.Scope `json:"scope"`
	Hash    string    `json:"hash"` // SHA-256 of the random part, in hex
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	By      string    `json:"by,omitempty"`
}

// Token is a token as people see it, who have made one: without what one asks by.
type Token struct {
	Name    string     `json:"name" doc:"its name, by which logs call who asks with it"`
	Scope   api.Scope  `json:"scope" enum:"read,operate,administer" doc:"what may be done with it"`
	Created time.Time  `json:"created" doc:"when it was made"`
	Expires *time.Time `json:"expires,omitempty" doc:"when it ends; missing: never"`
	By      string     `json:"by,omitempty" doc:"who made it"`
}

func (r record) token() Token {
	t := Token{Name: r.Name, Scope: r.Scope, Created: r.Created, By: r.By}
	if !r.Expires.IsZero() {
		t.Expires = &r.Expires
	}
	return t
}

// ended reports whether a token has ended.
func (r record) ended(now time.Time) bool { return !r.Expires.IsZero() && !now.Before(r.Expires) }

// What Add, Remove and Find fail with.
var (
	ErrName    = errors.New("the name of a token: expected 1 to 64 letters, digits, dots, hyphens and underscores, such as backup-job")
	ErrExists  = errors.New("there is a token of this name; remove it first, or take another name")
	ErrNone    = errors.New("there is no token of this name; culvert token list has those there are")
	ErrTooMany = fmt.Errorf("there are %d tokens, and no more are kept; remove those that nobody uses", Most)
	ErrOver    = errors.New("the time at which the token is to end is over; name a later one")
	// ErrUnknown is for a token that was never made, was removed, or has ended.
	ErrUnknown = errors.New("the token is unknown, was removed, or has ended")
)

// namePattern is what names look like: the letters are some of those that a token may have
// in the header Authorization.
const namePattern = `^[A-Za-z0-9._-]{1,64}$`

var names = regexp.MustCompile(namePattern)

// Add makes a token and returns it with what one asks by, which is shown this once: the store
// has a hash of it. expires may be zero, for a token that does not end. by is who makes it.
func Add(ctx context.Context, s store.Store, now time.Time, name string, scope api.Scope, expires time.Time, by string) (Token, string, error) {
	if !names.MatchString(name) {
		return Token{}, "", ErrName
	}
	if _, err := api.ParseScope(string(scope)); err != nil {
		return Token{}, "", err
	}
	if !expires.IsZero() && !expires.After(now) {
		return Token{}, "", ErrOver
	}
	all, err := s.List(ctx, Prefix)
	if err != nil {
		return Token{}, "", err
	}
	if len(all.Entries) >= Most {
		return Token{}, "", ErrTooMany
	}
	var random secret
	rand.Read(random[:])
	hash := sha256.Sum256(random[:])
	r := record{Name: name, Scope: scope, Hash: hex.EncodeToString(hash[:]), Created: now.UTC().Truncate(time.Second), By: by}
	if !expires.IsZero() {
		r.Expires = expires.UTC().Truncate(time.Second)
	}
	value, err := store.Encode(version, r)
	if err != nil {
		return Token{}, "", err
	}
	_, err = s.Commit(ctx, store.Txn{If: []store.Compare{{Key: Prefix + name}}, Put: []store.Put{{Key: Prefix + name, Value: value}}})
	if errors.As(err, new(*store.ConflictError)) {
		return Token{}, "", ErrExists
	}
	if err != nil {
		return Token{}, "", err
	}
	return r.token(), text(random, name), nil
}

// List returns all tokens by name, also those that have ended. unread is told of records that
// cannot be read.
func List(ctx context.Context, s store.Store, unread func(error)) ([]Token, error) {
	snap, err := s.List(ctx, Prefix)
	if err != nil {
		return nil, err
	}
	all := []Token{}
	for _, e := range snap.Entries {
		var r record
		if _, err := store.Decode(e, version, &r); err != nil {
			unread(err)
			continue
		}
		all = append(all, r.token())
	}
	slices.SortFunc(all, func(a, b Token) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Remove takes a token away: whoever asks by it is refused from now on, and what they read ends.
func Remove(ctx context.Context, s store.Store, name string) error {
	if !names.MatchString(name) {
		return ErrNone
	}
	e, err := s.Get(ctx, Prefix+name)
	if errors.Is(err, store.ErrNotFound) {
		return ErrNone
	}
	if err != nil {
		return err
	}
	_, err = s.Commit(ctx, store.Txn{Delete: []string{e.Key}})
	return err
}

// find returns the record of a token, or ErrUnknown.
func find(ctx context.Context, s store.Store, now time.Time, token string) (record, error) {
	random, name, ok := parse(token)
	if !ok {
		return record{}, ErrUnknown
	}
	hash := sha256.Sum256(random[:])
	e, err := s.Get(ctx, Prefix+name)
	if errors.Is(err, store.ErrNotFound) {
		return record{}, ErrUnknown
	}
	if err != nil {
		return record{}, err
	}
	var r record
	if _, err := store.Decode(e, version, &r); err != nil {
		return record{}, err
	}
	want, err := hex.DecodeString(r.Hash)
	if err != nil || subtle.ConstantTimeCompare(hash[:], want) != 1 || r.ended(now) || r.Name != name {
		return record{}, ErrUnknown
	}
	return r, nil
}

// text is a token as one asks by it: culvert_, the random part, and its name.
func text(random secret, name string) string {
	return begins + base64.RawURLEncoding.EncodeToString(random[:]) + "_" + name
}

// parse reads what text wrote; ok is false for anything else.
func parse(token string) (random secret, name string, ok bool) {
	rest, mine := strings.CutPrefix(token, begins)
	if !mine || len(rest) < secretLength+2 || rest[secretLength] != '_' || !names.MatchString(rest[secretLength+1:]) {
		return random, "", false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest[:secretLength])
	if err != nil || len(b) != len(random) {
		return random, "", false
	}
	copy(random[:], b)
	return random, rest[secretLength+1:], true
}

// Clean is a token as a file or a variable holds it, which may have white space around it;
// it fails for what is no token, without repeating it.
func Clean(held []byte) (string, error) {
	token := string(bytes.TrimSpace(held))
	if _, _, ok := parse(token); ok {
		return token, nil
	}
	const expected = "; expected one as culvert token add prints it"
	rest, mine := strings.CutPrefix(token, begins)
	switch {
	case token == "":
		return "", errors.New("there is no token" + expected)
	case !mine:
		return "", errors.New("this is no token, which begins with " + begins + expected)
	case strings.ContainsFunc(token, unicode.IsSpace):
		return "", errors.New("there is more than one token, or a line break in it" + expected)
	case len(rest) < secretLength+2:
		return "", fmt.Errorf("the token is cut short: behind %s are %d random characters, _ and its name%s", begins, secretLength, expected)
	}
	return "", errors.New("the token was changed, or is not whole" + expected)
}
