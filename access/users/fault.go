package users

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"culvert/internal/nearest"
)

// ErrExists is what an *ExistsError is.
var ErrExists = errors.New("exists already")

// ExistsError is a user, group or device that cannot be added because it is there.
type ExistsError struct{ Kind, Name string }

// Error says which.
func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s %s exists already; choose another name, or change it: culvert %s set", e.Kind, e.Name, e.Kind)
}

// Unwrap returns ErrExists.
func (e *ExistsError) Unwrap() error { return ErrExists }

// AlikeError is a user who cannot be added because the name of another is the same but for
// capital letters: directories and DNS take them for one.
type AlikeError struct{ Name, Other string }

// Error says which.
func (e *AlikeError) Error() string {
	return fmt.Sprintf("user %s: there is user %s, whose name differs in capital letters alone, and directories and DNS take them for one; choose another name", e.Name, e.Other)
}

// ImportError is the fault of one of many users, for which none was added.
type ImportError struct {
	Number int // of the user, from 0
	Err    error
}

// Error returns what the fault is.
func (e *ImportError) Error() string { return e.Err.Error() }

// Unwrap returns the fault.
func (e *ImportError) Unwrap() error { return e.Err }

// UnknownError is a user, group or device that is not there.
type UnknownError struct {
	Kind, Name string
	Like       string // whose name is nearly the same; "": none
}

// Error says what is not there, and what may be meant.
func (e *UnknownError) Error() string {
	text := fmt.Sprintf("there is no %s %.80q", e.Kind, e.Name)
	if e.Like != "" {
		return text + "; did you mean " + e.Like + "?"
	}
	return text
}

// unknown is the error of a name that is not there.
func (t *tx) unknown(kind, name, prefix string) error {
	names, err := t.names(prefix)
	if err != nil {
		return err
	}
	return &UnknownError{kind, name, nearest.Of(slices.Values(names), name)}
}

// FindUser returns a user, or an *UnknownError.
func (v *View) FindUser(name string) (*User, error) {
	if u := v.User(name); u != nil {
		return u, nil
	}
	return nil, &UnknownError{"user", name, nearestIn(v.users, name)}
}

// FindDevice returns a user's device, or an *UnknownError.
func (v *View) FindDevice(user, name string) (*Device, error) {
	if d := v.Device(user, name); d != nil {
		return d, nil
	}
	if _, err := v.FindUser(user); err != nil {
		return nil, err
	}
	var names []string
	for _, d := range v.DevicesOf(user) {
		names = append(names, d.Name)
	}
	return nil, &UnknownError{"device of " + user, name, nearest.Of(slices.Values(names), name)}
}

func nearestIn[V any](s shards[V], name string) string {
	all := make(map[string]bool, s.count)
	for key := range s.sorted() {
		all[key] = true
	}
	return nearest.Of(maps.Keys(all), name)
}

// LimitError is a user who has as many devices as allowed.
type LimitError struct {
	User        string
	Limit, Have int
	From        string // what says so: the user, or a group
}

// Error says what the limit is and where it comes from.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s has %d devices, and %s allows %d; remove one, or allow more with --max-devices", e.User, e.Have, e.From, e.Limit)
}

// TakenError is an address that another device has.
type TakenError struct {
	Address netip.Addr
	Device  string // USER/NAME
}

// Error says whose it is.
func (e *TakenError) Error() string {
	return fmt.Sprintf("%v is the address of device %s; choose another, or auto", e.Address, e.Device)
}
