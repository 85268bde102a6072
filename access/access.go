// Package access is what those who decide about a client need to know and may
// answer. The server's admission asks them; accounts, policy and scripts are such
// deciders, each in a folder here.
package access

import (
	"context"
	"crypto/x509"
	"net/netip"

	"culvert/access/hooks"
	"culvert/config"
)

// Decider decides whether a client may come in, and adds to its settings. It is
// asked once for each session, after the certificate and the login were found good.
// It may take its time, until ctx ends: it never runs on the data path, nor, except
// for the files of client-config-dir, on the client's control goroutine. It is
// called for several clients at once.
type Decider interface {
	// Decide returns why the applicant may not come in, or nil, and may change
	// s, which has the settings so far. With a *Refusal the error says what the
	// client is told; with any other, that is "this client is not admitted here".
	Decide(ctx context.Context, a *Applicant, s *config.PerClient) error
}

// Applicant is a client that asks to come in. A Decider must not change it.
type Applicant struct {
	Identity
	Number   uint64 // no other client of this server ever has it: the CID of the management protocol
	Remote   netip.AddrPort
	Chain    []*x509.Certificate // the certificates that it showed, its own first
	PeerInfo map[string]string   // what it says of itself, such as IV_VER
	Options  string              // its options string (negotiate.OptionsString)
	Env      *hooks.Env          // what programs are told about it
	SignedIn bool                // User is one whom the server's own sign-in knows, not only a program
}

// Refusal is why a client cannot come in, in words for its user.
type Refusal struct {
	// Reason is what the client is told, or one of OpenVPN's forms such as
	// CRV1:..; "" for nothing.
	Reason string
	// Later: it may come back in a while, such as when there is no room now.
	Later bool
	// Login: its user may not come in.
	Login bool
	// Cause is for the server's own people; nil: there is no more to say.
	Cause error
	// By is who refuses, where that is not ByLogin, ByRules or BySettings; else "".
	By By
}

// By is who refuses a client, in one word of a few.
type By string

// Who refuses.
const (
	ByLogin    By = "login"    // whoever checks user names and passwords
	ByKey      By = "key"      // the check of its tls-crypt-v2 key
	ByList     By = "list"     // a list of revoked certificates
	ByRules    By = "rules"    // the files of client-config-dir, the records of devices and users
	ByProgram  By = "program"  // client-connect
	BySettings By = "settings" // its own settings are faulty
	ByCipher   By = "cipher"   // there is no cipher or way to derive keys in common
	ByRoom     By = "room"     // there is no address or place left
)

// Refusers are all that refuse.
var Refusers = []By{ByLogin, ByKey, ByList, ByRules, ByProgram, BySettings, ByCipher, ByRoom}

// Error returns the reason and the cause.
func (r *Refusal) Error() string {
	if r.Cause == nil {
		return r.Reason
	}
	return r.Reason + ": " + r.Cause.Error()
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Nameless is the name of clients without one, as in OpenVPN.
const Nameless = "UNDEF"

// Name returns a name as it is, and "" for Nameless.
func Name(name string) string {
	if name == Nameless {
		return ""
	}
	return name
}

// Identity is what a client says about itself and shows.
type Identity struct {
	Name       string // common name, or user name; Nameless for none
	CommonName string // of its certificate; Nameless without one
	User       string // checked by the server; "" for none
	Serial     string // of its certificate, in hex; "" without
	Agent      string // version and platform
	// StaysAway: it can be told to come back only after a while.
	StaysAway bool
}
