package api

import (
	"context"
	"fmt"
	"slices"
)

// Scope is what a caller may do. Each includes those before it.
type Scope string

// The scopes.
const (
	Read       Scope = "read"       // see
	Operate    Scope = "operate"    // and steer: sessions, connections, capture
	Administer Scope = "administer" // and change who may do what
)

// Scopes are all of them, the smallest first.
func Scopes() []Scope { return []Scope{Read, Operate, Administer} }

// ParseScope returns the scope of a word.
func ParseScope(word string) (Scope, error) {
	if s := Scope(word); slices.Contains(Scopes(), s) {
		return s, nil
	}
	return "", fmt.Errorf("%q is no scope: expected read, operate or administer", word)
}

// Allows reports whether a caller with the scope may do what needs another.
func (s Scope) Allows(needed Scope) bool {
	all := Scopes()
	has, needs := slices.Index(all, s), slices.Index(all, needed)
	return has >= 0 && needs >= 0 && has >= needs
}

// Caller is who asks.
type Caller struct {
	Name  string `json:"name" doc:"who asks: a user of this machine, the name of a token, or who is signed in"`
	Scope Scope  `json:"scope" enum:"read,operate,administer" doc:"what the caller may do"`
	Via   string `json:"via" doc:"by what the caller asks: socket, token or dashboard"`
}

// String is who asks as logs have it: the name, and by what.
func (c Caller) String() string {
	if c.Via == "" {
		return c.Name
	}
	return c.Name + " (" + c.Via + ")"
}

type callerKey struct{}

// As returns ctx with a caller.
func As(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns who asks; ok is false where nobody is known.
func CallerOf(ctx context.Context) (c Caller, ok bool) {
	c, ok = ctx.Value(callerKey{}).(Caller)
	return c, ok
}
