// Package auth checks who may come in, besides by certificate: by programs that
// look at user name and password, at once or later, and by tokens that stand for
// a password that was checked. Nothing here holds up a packet: checks run on
// goroutines of their own and report when they are done.
package auth

import (
	"context"
	"encoding/base64"
	"net/netip"
	"strings"
	"time"

	"culvert/access/hooks"
)

// Request is a client that asks to come in.
type Request struct {
	Username, Password string
	// CommonName is that of the client's certificate, which is good; "" without one.
	CommonName string
	// Device: that certificate is one of a user's device (pki.IsDevice).
	Device bool
	// Token is what the client showed for a login that was checked before, and is good;
	// nil: none. Then Password says nothing.
	Token *Token
	// Remote is the address that the client connects from.
	Remote netip.AddrPort
	// Number is the client's (access.Applicant), and Key counts its handshakes from 0:
	// the CID and KID of the management protocol.
	Number, Key uint64
	// Renewal: the client is in, and its keys are being renewed.
	Renewal bool
	// Source is the network that the client is in: programs take turns by it.
	Source netip.Prefix
	// Methods are the further steps of a login that the client can take
	// (IV_SSO): crtext, openurl, webauth.
	Methods []string
	// Env is what a program is told about the client. A Checker must not change it.
	Env *hooks.Env
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
	// Lines are the lines of a per-client configuration for a client that comes in, as
	// in a file of client-config-dir. At a renewal they mean nothing.
	Lines []string
	// User is who the client is in as, where that is not what it gave: "" for that. Only
	// the server's sign-in may set it.
	User string
	// Remember: the client's user showed more than a certificate, and is to get a token that
	// stands for that. Only what the server's sign-in says counts.
	Remember bool
	// Note is what such a token says to the sign-in when it is shown (Token.Note).
	Note []byte
}

// Checker decides about clients, each time they log in. It may take its time, until ctx ends. Meanwhile
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

// SplitStatic takes apart SCRV1:<password>:<answer>, both in base64
// (management-notes.txt, "static challenge").
func SplitStatic(s string) (password, answer string, ok bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 || parts[0] != "SCRV1" {
		return "", "", false
	}
	first, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil {
		return "", "", false
	}
	second, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return "", "", false
	}
	return string(first), string(second), true
}
