package setup

import (
	"context"
	"errors"
	"fmt"

	"culvert/access/users"
)

// AmbiguousError is a name that a client and a user have.
type AmbiguousError struct{ Name string }

// Error says what to do.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s is a client and a user; for the client: culvert client revoke %[1]s; for the user: culvert user disable %[1]s, or remove", e.Name)
}

// NobodyError is a name that no client, device or user has.
type NobodyError struct {
	Name, Like string // Like: whose name is nearly the same; "": none
}

// Error says so, and who may be meant.
func (e *NobodyError) Error() string {
	text := fmt.Sprintf("there is no client, device or user %.80q", e.Name)
	if e.Like != "" {
		text += "; did you mean " + e.Like + "?"
	}
	return text
}

// NothingError is a user without certificates.
type NothingError struct{ User string }

// Error says what to do instead.
func (e *NothingError) Error() string {
	return fmt.Sprintf("%s has no devices with certificates; to shut the user out: culvert user disable %[1]s", e.User)
}

// RevokeNamed revokes what a name means, and says what that was: a client, a device
// (phone.alice), or all devices of a user. Who cannot be told apart is an *AmbiguousError,
// who is not there a *NobodyError, and a user without certificates a *NothingError.
func (d Devices) RevokeNamed(ctx context.Context, name string) (what string, done *Revocation, err error) {
	_, isClient, err := Client(d.Dir, name, d.Now)
	if err != nil {
		return "", nil, err
	}
	_, _, err = d.Book.User(ctx, name)
	unknown := new(users.UnknownError)
	unreadable := errors.As(err, new(*users.UnreadableError)) // its devices' certificates are not
	isUser := err == nil || unreadable
	switch {
	case !isUser && !errors.As(err, &unknown):
		return "", nil, err
	case isClient && isUser:
		return "", nil, &AmbiguousError{name}
	case isUser:
		done, devices, err := d.RevokeUser(ctx, name)
		if err == nil && done == nil {
			err = &NothingError{name}
		}
		plural := "s"
		if devices == 1 {
			plural = ""
		}
		return fmt.Sprintf("%s (%d device%s)", name, devices, plural), done, err
	case !isClient:
		return "", nil, &NobodyError{name, unknown.Like}
	}
	done, err = Revoke(RevokeOptions{Dir: d.Dir, Name: name, Now: d.Now, Ask: d.Ask})
	return name, done, err
}
