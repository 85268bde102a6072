package auth

import (
	"context"
	"errors"
	"fmt"
)

// Source knows people and checks who they are: a directory, a RADIUS server, PAM. It is
// safe for concurrent use.
type Source interface {
	// Name says which source it is in logs, and stands before the names of its groups:
	// ldap, radius, pam or oidc.
	Name() string
	// Check returns who signs in with a login. It may take its time, until ctx ends. Its
	// error is ErrUnknownUser, ErrWrongPassword, a *Challenge, a *RefusedError, or why
	// nobody could be asked.
	Check(ctx context.Context, l Login) (Person, error)
}

// Looking is a Source that says of somebody whom it knows how they stand, without their password.
type Looking interface {
	Source
	// Look returns who somebody is now. Its error is ErrUnknownUser, a *RefusedError, or why
	// nobody could be asked.
	Look(ctx context.Context, name string) (Person, error)
}

// Browsing is a Source whose people sign in at a page of theirs, which they open in a browser.
type Browsing interface {
	Name() string
	// Begin returns the page, and what waits until somebody has signed in there, and gives
	// that person to accept. What accept returns is read by the person: why they may not come
	// in; "" if they may. wait is called once, and ends with its ctx. Its errors are those of Source.
	Begin(ctx context.Context, l Login) (page string, wait func(ctx context.Context, accept func(Person) (told string)) error, err error)
}

// Login is what somebody shows to sign in.
type Login struct {
	Username, Password string
	// Code is what the client gave beside the password (static challenge); "": nothing.
	Code string
	// State is that of the Challenge which Password answers; nil: it answers none.
	State []byte
	// Request is the client from which they sign in.
	Request *Request
}

// Person is somebody whom a source knows.
type Person struct {
	Name            string // as the source has it
	Subject         string // a lasting name that nobody else gets; "" if the source has none
	FullName, Email string
	Groups          []string // of the source, by the names that it has for them
	// Lines are for the client's configuration (Verdict.Lines).
	Lines []string
}

// Why somebody cannot sign in.
var (
	ErrUnknownUser   = errors.New("no such user")
	ErrWrongPassword = errors.New("wrong password")
)

// RefusedError is why somebody whom a source knows may not sign in.
type RefusedError struct {
	// Reason is for this side's log, and Told for the user; "" for nothing.
	Reason, Told string
}

func (e *RefusedError) Error() string { return e.Reason }

// Challenge is a further question to whoever signs in. The answer goes to the same source, as
// the password of a Login with State.
type Challenge struct {
	Text  string
	Echo  bool   // show the answer as it is typed
	State []byte // at most MaxState bytes
}

// MaxState is how long a Challenge's State may be, in bytes.
const MaxState = 1024

func (c *Challenge) Error() string { return fmt.Sprintf("a further question: %q", c.Text) }
