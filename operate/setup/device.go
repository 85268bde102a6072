package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"culvert/access/signin"
	"culvert/access/users"
)

// Devices are the devices of a server's users: their records are in the server's store,
// and their certificates in its directory, as those of clients are. A device's certificate
// has the common name DEVICE.USER.
type Devices struct {
	Dir  string // the server's directory, as made by Init
	Book *users.Book
	Now  time.Time
	Rand io.Reader  // cryptographically secure
	Ask  Passphrase // of the authority's key; nil: nobody knows it
}

// NewDevice says which device to add.
type NewDevice struct {
	users.Device
	IPv4, IPv6 string // the addresses of its own: an address, users.Auto, users.None; "": none
	Out        string // the profile to write, with mode 0600; "": none
}

// AddedDevice is the result of Devices.Add.
type AddedDevice struct {
	*users.Device
	Profile []byte
	SignIn  SignIn // what the profile asks for
}

// Add adds a device to a user, and returns its profile, which alone has its key. It asks
// for what the user has to show besides the certificate. If it fails, nothing is added.
func (d Devices) Add(ctx context.Context, n NewDevice) (*AddedDevice, error) {
	added, err := d.add(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("device add: %w", denied(err))
	}
	return added, nil
}

func (d Devices) add(ctx context.Context, n NewDevice) (*AddedDevice, error) {
	addresses, err := d.Addresses(n.Name+"."+n.User, n.IPv4, n.IPv6)
	if err != nil {
		return nil, err
	}
	ask, err := d.signIn(ctx, n.User)
	if err != nil {
		return nil, err
	}
	record, err := d.Book.AddDevice(ctx, n.Device, addresses)
	if err != nil {
		return nil, err
	}
	text, err := d.certify(record, ask, n.Out)
	if err != nil {
		// The caller's context may be why it failed.
		undone := d.Book.RemoveDevice(context.WithoutCancel(ctx), n.User, n.Name)
		return nil, errors.Join(err, undone)
	}
	return &AddedDevice{record, text, ask}, nil
}

// certify makes a certificate and profile for a device that was added. Certificates that a
// removed device of its name had stay revoked.
func (d Devices) certify(record *users.Device, ask SignIn, out string) ([]byte, error) {
	o := ClientOptions{Dir: d.Dir, Name: record.CommonName, Out: out, Now: d.Now, Rand: d.Rand, Ask: d.Ask, Device: true, SignIn: ask}
	before, there, err := Client(d.Dir, record.CommonName, d.Now)
	if err != nil {
		return nil, err
	}
	if there && before.State == Revoked {
		r, err := RenewClientOptions{ClientOptions: o, LetInAgain: true}.renew()
		if err != nil {
			return nil, err
		}
		return r.Profile, nil
	}
	text, files, err := o.files()
	if err != nil {
		return nil, err
	}
	return text, writeNew(files)
}

// RenewDevice says how to give a device a new profile.
type RenewDevice struct {
	User, Name string
	Out        string // as of NewDevice; a profile of this device is replaced
	RevokeOld  bool
	LetInAgain bool // even if its certificates were revoked
}

// Renew makes a device a new profile, as RenewClient does for a client. It asks for what
// the user has to show now.
func (d Devices) Renew(ctx context.Context, n RenewDevice) (*Renewal, error) {
	fail := func(err error) (*Renewal, error) { return nil, fmt.Errorf("device renew: %w", denied(err)) }
	record, err := d.Book.Device(ctx, n.User, n.Name)
	if err != nil {
		return fail(err)
	}
	ask, err := d.signIn(ctx, n.User)
	if err != nil {
		return fail(err)
	}
	before, there, err := Client(d.Dir, record.CommonName, d.Now)
	if err != nil {
		return fail(err)
	}
	if !there { // it was added by somebody who did not come as far
		text, err := d.certify(record, ask, n.Out)
		if err != nil {
			return fail(err)
		}
		after, _, err := Client(d.Dir, record.CommonName, d.Now)
		return &Renewal{Profile: text, Expires: after.Expires}, err
	}
	if before.State == Revoked && !n.LetInAgain {
		return fail(fmt.Errorf("%s was revoked, and a new profile would let it in again; if you want that, add --let-in-again; if not, remove it: culvert device remove %s --user %s --dir %s",
			record.CommonName, n.Name, n.User, shell(d.Dir)))
	}
	r, err := RenewClientOptions{ClientOptions: ClientOptions{Dir: d.Dir, Name: record.CommonName, Out: n.Out, Now: d.Now, Rand: d.Rand, Ask: d.Ask, Device: true, SignIn: ask},
		RevokeOld: n.RevokeOld, LetInAgain: n.LetInAgain}.renew()
	if err != nil {
		return fail(err)
	}
	return r, nil
}

// Remove revokes a device's certificates and removes it, also where its record cannot be
// read. The revocation is nil if it had none.
func (d Devices) Remove(ctx context.Context, user, name string) (*Revocation, error) {
	names, err := d.Book.CommonNames(ctx, user, name)
	if err != nil {
		return nil, err
	}
	r, err := RevokeAll(d.Dir, names, d.Now, d.Ask)
	if err != nil {
		return nil, err
	}
	return r, d.Book.RemoveDevice(ctx, user, name)
}

// RevokeUser revokes the certificates of all devices of a user, whose records stay, also
// where they cannot be read. The revocation is nil if there are none.
func (d Devices) RevokeUser(ctx context.Context, user string) (r *Revocation, devices int, err error) {
	names, err := d.Book.CommonNames(ctx, user, "")
	if err != nil {
		return nil, 0, err
	}
	r, err = RevokeAll(d.Dir, names, d.Now, d.Ask)
	return r, len(names), err
}

// RemoveUser removes a user with all devices, whose certificates are revoked first.
func (d Devices) RemoveUser(ctx context.Context, user string) (r *Revocation, devices int, err error) {
	if r, _, err = d.RevokeUser(ctx, user); err != nil {
		return nil, 0, err
	}
	removed, err := d.Book.RemoveUser(ctx, user)
	if err != nil {
		return r, len(removed), err
	}
	again, err := RevokeAll(d.Dir, commonNames(removed), d.Now, d.Ask) // those that were added meanwhile
	if again != nil && !again.Already {
		r = again
	}
	return r, len(removed), err
}

func commonNames(all []*users.Device) (names []string) {
	for _, d := range all {
		names = append(names, d.CommonName)
	}
	return names
}

// signIn returns what a user's profiles ask for.
func (d Devices) signIn(ctx context.Context, user string) (SignIn, error) {
	u, groups, err := d.Book.User(ctx, user)
	if err != nil {
		return SignIn{}, err
	}
	way := signin.Ways(u, groups)[0]
	return SignIn{Password: way.Has(users.Password), Code: way.Has(users.Code), Browser: way.Has(users.Browser)}, nil
}
