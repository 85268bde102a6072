package profile

import (
	"context"
	"errors"
	"time"

	"culvert/access/pki"
	"culvert/config"
)

// Asker has a program that manages this process asked for what its configuration
// leaves open. It takes the terminal's place.
type Asker interface {
	// Ask waits for the answer to a question, until ctx ends.
	Ask(ctx context.Context, q Question) (Answer, error)
	// Refused says that what was given for a realm is not taken, with the reason of
	// whoever refused it ("" for none).
	Refused(r Realm, reason string)
}

// Holder decides when connections begin.
type Holder interface {
	// Hold waits for the release where connections are held, and reports whether
	// they were. wait is how long this end would wait by itself. The error is ctx's.
	Hold(ctx context.Context, wait time.Duration) (held bool, err error)
}

// Realm is what a user name and password are for, in the words of OpenVPN's management
// protocol.
type Realm string

// The realms.
const (
	RealmLogin      Realm = "Auth"
	RealmKey        Realm = "Private Key"
	RealmHTTPProxy  Realm = "HTTP Proxy"
	RealmSOCKSProxy Realm = "SOCKS Proxy"
)

// Question asks for a user name, a password, or both.
type Question struct {
	Realm              Realm
	Username, Password bool // what is wanted
	// Challenge is a question whose answer the password has to hold; nil: none.
	Challenge *config.StaticChallenge
}

// Answer is the answer to a Question. What was not wanted is "".
type Answer struct{ Username, Password string }

// UnlockBy is Unlock with the password from an Asker. With `auth-retry interact`, it
// asks until the password is right.
func UnlockBy(ctx context.Context, c *config.Config, asker Asker) error {
	for {
		err := unlocking{tries: 1, ask: func(string, bool) (string, error) {
			a, err := asker.Ask(ctx, Question{Realm: RealmKey, Password: true})
			return a.Password, err
		}}.unlock(c)
		if !errors.Is(err, pki.ErrPassword) {
			return err
		}
		asker.Refused(RealmKey, "")
		if c.Login.Retry != config.AuthRetryInteract || given(c.Trust.AskPass) {
			return err
		}
	}
}

// given reports whether a file with a password is named.
func given(f *config.File) bool { return f != nil && (f.Inline || f.Name != "") }
