// Package auth checks who may come in, besides by certificate: by programs that
// look at user name and password, at once or later, and by tokens that stand for
// a password that was checked. Nothing here holds up a packet: checks run on
// goroutines of their own and report when they are done.
package auth

import (
	"context"
	"net/netip"
	"strings"
	"time"
)

// Request is a client that asks to come in.
type Request struct {
	Username, Password string
	// Source is the network that the client is in: programs take turns by it.
	Source netip.Prefix
	// Methods are the further steps of a login that the client can take
	// (IV_SSO): crtext, openurl, webauth.
	Methods []string
	// Env is what a program is told about the client: NAME=VALUE each.
	Env []string
	// Answers are the client's answers to challenges (CR_RESPONSE).
	Answers <-chan string
}

// Pending is a login that takes longer.
type Pending struct {
	Timeout time.Duration
	// Extra is what the client's user has to do: CR_TEXT:.., WEB_AUTH:.. or
	// OPEN_URL:..; "" for nothing.
	Extra string
}

// Verdict is the result of a check.
type Verdict struct {
	OK bool
	// Reason is sent to a refused client: words for its user, or one of the
	// forms CRV1:.., TEMP:.. and TEMP[..]:...
	Reason string
	// Err is why nothing could be checked, for this side's log.
	Err error
}

// Checker decides about clients. It may take its time, until ctx ends. Meanwhile
// it calls pend to tell the client that it has to wait, and how long at most.
type Checker interface {
	Check(ctx context.Context, r *Request, pend func(Pending)) Verdict
}

// SafeUsername is a user name as programs and files may see it: letters,
// digits and _-.@, anything else turned into an underscore (manual,
// auth-user-pass-verify).
func SafeUsername(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.@", r) {
			return r
		}
		return '_'
	}, name)
}

// safePassword turns each character that could end a line, or is not printable,
// into an underscore.
func safePassword(password string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' {
			return '_'
		}
		return r
	}, password)
}

// Variables collects NAME=VALUE pairs for a program's environment.
type Variables []string

// Set adds a variable. A value's control characters become underscores.
func (v *Variables) Set(name, value string) { *v = append(*v, name+"="+safePassword(value)) }

// SetPeer adds a variable whose name and value both come from the peer. Only names
// that begin with IV_ or UV_ are let through.
func (v *Variables) SetPeer(name, value string) {
	if !strings.HasPrefix(name, "IV_") && !strings.HasPrefix(name, "UV_") || SafeUsername(name) != name {
		return
	}
	v.Set(name, value)
}
