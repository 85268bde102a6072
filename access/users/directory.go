package users

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"culvert/internal/printable"
	"culvert/store"
)

// Standing is who asks to come in, as far as this package knows them.
type Standing struct {
	User   *User   // nil: nobody of that name
	Device *Device // nil: no device of that common name
	Groups []*Group

	asked string // the user's name, known or not
}

// Standing returns what is known of a client by the common name of its certificate and by
// the user name that it gave; either may be "". Where no name was given, the user is the
// owner of the device.
func (v *View) Standing(commonName, user string) Standing {
	s := Standing{Device: v.ByCommonName(commonName)}
	if user == "" && s.Device != nil {
		user = s.Device.User
	}
	s.asked = user
	if s.User = v.User(user); s.User != nil {
		s.Groups = v.GroupsOf(s.User)
	}
	return s
}

// Barred is why a user or device may not come in now.
type Barred struct{ Reason string }

// Error returns the reason, for the server's own people and for the user.
func (e *Barred) Error() string { return e.Reason }

// Barred returns why the client may not come in or stay at a time, or nil. Clients that
// are unknown here are not barred.
func (s Standing) Barred(now time.Time) error {
	if err := s.ShutOut(now); err != nil {
		return err
	}
	return s.outside(now)
}

// ShutOut is Barred but for hours: why the client may not come in before somebody lets
// them, or nil.
func (s Standing) ShutOut(now time.Time) error {
	switch u, d := s.User, s.Device; {
	case u != nil && u.Disabled:
		return &Barred{fmt.Sprintf("user %s is disabled", u.Name)}
	case u != nil && past(u.Expires, now):
		return &Barred{fmt.Sprintf("user %s expired on %s", u.Name, u.Expires.Format(time.DateOnly))}
	case u != nil && u.Gone != "":
		return &Barred{fmt.Sprintf("user %s is out (%s: %s)", u.Name, u.Source, u.Gone)}
	case d != nil && d.Disabled:
		return &Barred{fmt.Sprintf("device %s of %s is disabled", d.Name, d.User)}
	case d != nil && past(d.Expires, now):
		return &Barred{fmt.Sprintf("device %s of %s expired on %s", d.Name, d.User, d.Expires.Format(time.DateOnly))}
	case d != nil && d.User != s.asked:
		return &Barred{fmt.Sprintf("the certificate is that of device %s of %s, and not of %s", d.Name, d.User, printable.Name(s.asked))}
	case d != nil && u == nil:
		return &Barred{fmt.Sprintf("device %s: its user %s is not there", d.Name, d.User)}
	}
	return nil
}

func past(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }

// Directory has a View of a store, and follows it. Make it with Open. It is safe for
// concurrent use.
type Directory struct {
	store    store.Store
	view     atomic.Pointer[View]
	mu       sync.Mutex
	watchers []func(View *View)
	damaged  func(error)
}

// Open reads all records. damaged is called for each that cannot be read, which is as if
// it were not there: its user cannot sign in, nor can who is in such a group.
func Open(ctx context.Context, s store.Store, damaged func(error)) (*Directory, error) {
	d := &Directory{store: s, damaged: damaged}
	return d, d.read(ctx)
}

// View returns all as it is now.
func (d *Directory) View() *View { return d.view.Load() }

// Keeps reports whether an address is kept for a device, so that no pool may give it to
// others.
func (d *Directory) Keeps(a netip.Addr) bool { return d.View().ByAddress(a) != nil }

// OnChange has f called after each change of users, devices or groups, in order, on the goroutine of Follow. Call it
// before Follow.
func (d *Directory) OnChange(f func(v *View)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watchers = append(d.watchers, f)
}

// Follow keeps the view current until ctx ends; its error is why it could not.
func (d *Directory) Follow(ctx context.Context) error {
	for {
		err := d.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, store.ErrCompacted) {
			return err
		}
		if err := d.read(ctx); err != nil {
			return err
		}
		d.tell()
	}
}

func (d *Directory) follow(ctx context.Context) error {
	for batch, err := range d.store.Watch(ctx, "", d.View().Revision) {
		if err != nil {
			return err
		}
		next, changed := d.View().after(batch, d.damaged)
		d.view.Store(next)
		if changed {
			d.tell()
		}
	}
	return nil
}

func (d *Directory) tell() {
	d.mu.Lock()
	all := slices.Clone(d.watchers)
	d.mu.Unlock()
	for _, f := range all {
		f(d.View())
	}
}

func (d *Directory) read(ctx context.Context) error {
	v, err := readView(ctx, d.store, d.damaged, usersPrefix, devicesPrefix, groupsPrefix, certificatesPrefix, addressesPrefix)
	if err == nil {
		d.view.Store(v)
	}
	return err
}

// readView returns a view of the records whose keys have one of the prefixes, as they are
// at one revision.
func readView(ctx context.Context, s store.Store, damaged func(error), prefixes ...string) (*View, error) {
	snap, err := s.List(ctx, prefixes...)
	if err != nil {
		return nil, err
	}
	batch := make([]store.Change, len(snap.Entries))
	for i, e := range snap.Entries {
		batch[i].Entry = e
	}
	v, _ := new(View).after(batch, damaged)
	v.Revision = snap.Revision
	return v, nil
}
