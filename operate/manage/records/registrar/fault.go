package registrar

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"culvert/access/users"
	"culvert/operate/orders"
	"culvert/operate/setup"
	"culvert/store"
)

// The codes of faults, which do not change.
const (
	UnknownUser   = "unknown-user"
	UnknownDevice = "unknown-device"
	UnknownGroup  = "unknown-group"
	UnknownName   = "unknown-name"
	Exists        = "exists"
	NameAlike     = "name-alike"
	TooManyOwned  = "too-many-devices"
	AddressTaken  = "address-taken"
	Unreadable    = "unreadable-record"
	Barred        = "barred"
	Ambiguous     = "ambiguous-name"
	WasRevoked    = "was-revoked"
	NothingThere  = "nothing-to-revoke"
	NoKey         = "key-unavailable"
	Invalid       = "invalid"
	Failed        = "failed"
)

// FaultOf is an error of the store's users, or of the server's directory, for a caller of
// the API: with a code, and what mends it. command is what does the same on the server's
// host, "" if nothing does.
func FaultOf(err error, command string) *orders.Fault {
	if f := new(orders.Fault); errors.As(err, &f) {
		return f
	}
	for _, known := range []func(error) *orders.Fault{unknownFault, takenFault, revokeFault} {
		if f := known(err); f != nil {
			return f
		}
	}
	switch {
	case keyless(err):
		f := &orders.Fault{Code: NoKey, Message: "the authority's key cannot be used by the server: " + err.Error()}
		if command != "" {
			f.Mend = "run this where the key can be used, in the server's directory: " + command
		}
		return f
	case broken(err):
		return &orders.Fault{Code: Failed, Message: err.Error()}
	}
	return &orders.Fault{Code: Invalid, Message: err.Error()}
}

func unknownFault(err error) *orders.Fault {
	unknown := new(users.UnknownError)
	if !errors.As(err, &unknown) {
		return nil
	}
	f := &orders.Fault{Code: UnknownDevice, Message: fmt.Sprintf("there is no %s %.80q", unknown.Kind, unknown.Name)}
	switch unknown.Kind {
	case "user":
		f.Code = UnknownUser
	case "group":
		f.Code = UnknownGroup
	}
	if unknown.Like != "" {
		f.Mend = "did you mean " + unknown.Like + "?"
	}
	return f
}

func takenFault(err error) *orders.Fault {
	var (
		exists     *users.ExistsError
		alike      *users.AlikeError
		limit      *users.LimitError
		address    *users.TakenError
		unreadable *users.UnreadableError
		barred     *users.Barred
	)
	switch {
	case errors.As(err, &exists):
		return &orders.Fault{Code: Exists, Message: fmt.Sprintf("%s %s exists already", exists.Kind, exists.Name), Mend: "choose another name, or change the one that is there"}
	case errors.As(err, &alike):
		return &orders.Fault{Code: NameAlike, Message: fmt.Sprintf("there is user %s, whose name differs in capital letters alone, and directories and DNS take them for one", alike.Other), Mend: "choose another name"}
	case errors.As(err, &limit):
		return &orders.Fault{Code: TooManyOwned, Message: fmt.Sprintf("%s has %d devices, and %s allows %d", limit.User, limit.Have, limit.From, limit.Limit), Mend: "remove a device, or allow more by max_devices"}
	case errors.As(err, &address):
		return &orders.Fault{Code: AddressTaken, Message: fmt.Sprintf("%v is the address of device %s", address.Address, address.Device), Mend: "choose another, or auto"}
	case errors.As(err, &unreadable):
		return &orders.Fault{Code: Unreadable, Message: unreadable.Err.Error(), Mend: "remove it, or correct its line in what culvert export writes and culvert import --replace that"}
	case errors.As(err, &barred):
		return &orders.Fault{Code: Barred, Message: barred.Reason, Mend: "let them in first: enable them, or set another end"}
	}
	return nil
}

func revokeFault(err error) *orders.Fault {
	var (
		ambiguous *setup.AmbiguousError
		nobody    *setup.NobodyError
		nothing   *setup.NothingError
	)
	switch {
	case errors.As(err, &ambiguous):
		return &orders.Fault{Code: Ambiguous, Message: ambiguous.Name + " is a client and a user", Mend: "revoke the client on the server's host by culvert client revoke, or disable the user"}
	case errors.As(err, &nobody):
		f := &orders.Fault{Code: UnknownName, Message: fmt.Sprintf("there is no client, device or user %.80q", nobody.Name)}
		if nobody.Like != "" {
			f.Mend = "did you mean " + nobody.Like + "?"
		}
		return f
	case errors.As(err, &nothing):
		return &orders.Fault{Code: NothingThere, Message: nothing.User + " has no devices with certificates", Mend: "to shut the user out, disable them"}
	}
	return nil
}

// keyless reports whether the authority's key is not where the server could use it.
func keyless(err error) bool {
	for _, why := range []error{setup.ErrPassphrase, setup.ErrNoKey, setup.ErrUnsigned, fs.ErrNotExist, fs.ErrPermission} {
		if errors.Is(err, why) {
			return true
		}
	}
	return false
}

// broken reports whether an error is one of the machine, not of what was asked.
func broken(err error) bool {
	for _, why := range []error{context.Canceled, context.DeadlineExceeded, store.ErrClosed, store.ErrCompacted} {
		if errors.Is(err, why) {
			return true
		}
	}
	return errors.As(err, new(*fs.PathError)) || errors.As(err, new(*store.ConflictError))
}
