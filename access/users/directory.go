package users

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"culvert/store"
)

// View is all users, devices and groups at one revision. Nobody may change it.
type View struct {
	Revision     store.Revision
	users        map[string]*User
	devices      map[string]*Device  // by Key
	own          map[string][]string // the devices of a user, sorted: keys of devices
	groups       map[string]*Group
	certificates map[string]string // by common name: keys of devices
}

// User returns a user; nil: there is none of that name.
func (v *View) User(name string) *User { return v.users[name] }

// Group returns a group; nil: there is none of that name.
func (v *View) Group(name string) *Group { return v.groups[name] }

// Device returns a user's device; nil: there is none of that name.
func (v *View) Device(user, name string) *Device { return v.devices[user+"/"+name] }

// ByCommonName returns the device whose certificates have a common name; nil: none.
func (v *View) ByCommonName(name string) *Device { return v.devices[v.certificates[name]] }

// Users returns all users, by name.
func (v *View) Users() iter.Seq[*User] { return sorted(v.users) }

// Groups returns all groups, by name.
func (v *View) Groups() iter.Seq[*Group] { return sorted(v.groups) }

// Devices returns all devices, by user and name.
func (v *View) Devices() iter.Seq[*Device] { return sorted(v.devices) }

// DevicesOf returns a user's devices, by name.
func (v *View) DevicesOf(user string) (all []*Device) {
	for _, key := range v.own[user] {
		all = append(all, v.devices[key])
	}
	return all
}

func sorted[T any](m map[string]T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(m[key]) {
				return
			}
		}
	}
}

// Known reports whether there are any users: a server without any asks nobody to sign in.
func (v *View) Known() bool { return len(v.users) > 0 }

// Standing is who asks to come in, as far as this package knows them.
type Standing struct {
	User   *User   // nil: nobody of that name
	Device *Device // nil: no device of that common name
	Groups []*Group
}

// Standing returns what is known of a client by the common name of its certificate and by
// the user name that it gave; either may be "". Where no name was given, the user is the
// owner of the device.
func (v *View) Standing(commonName, user string) Standing {
	s := Standing{Device: v.ByCommonName(commonName)}
	if user == "" && s.Device != nil {
		user = s.Device.User
	}
	if s.User = v.users[user]; s.User != nil {
		s.Groups = v.GroupsOf(s.User)
	}
	return s
}

// GroupsOf returns a user's groups in the order in which they decide, with Everyone last.
// Groups that are not there are passed over.
func (v *View) GroupsOf(u *User) (all []*Group) {
	for _, name := range append(slices.Clip(u.Groups), Everyone) {
		if g := v.groups[name]; g != nil {
			all = append(all, g)
		}
	}
	return all
}

// Barred is why a user or device may not come in now.
type Barred struct{ Reason string }

// Error returns the reason, for the server's own people and for the user.
func (e *Barred) Error() string { return e.Reason }

// Barred returns why the client may not come in or stay at a time, or nil. Clients that
// are unknown here are not barred.
func (s Standing) Barred(now time.Time) error {
	switch u, d := s.User, s.Device; {
	case u != nil && u.Disabled:
		return &Barred{fmt.Sprintf("user %s is disabled", u.Name)}
	case u != nil && past(u.Expires, now):
		return &Barred{fmt.Sprintf("user %s expired on %s", u.Name, u.Expires.Format(time.DateOnly))}
	case d != nil && d.Disabled:
		return &Barred{fmt.Sprintf("device %s of %s is disabled", d.Name, d.User)}
	case d != nil && past(d.Expires, now):
		return &Barred{fmt.Sprintf("device %s of %s expired on %s", d.Name, d.User, d.Expires.Format(time.DateOnly))}
	case d != nil && u != nil && d.User != u.Name:
		return &Barred{fmt.Sprintf("the certificate is that of device %s of %s, and not of %s", d.Name, d.User, u.Name)}
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
// it were not there: its user cannot sign in.
func Open(ctx context.Context, s store.Store, damaged func(error)) (*Directory, error) {
	d := &Directory{store: s, damaged: damaged}
	return d, d.read(ctx)
}

// View returns all as it is now.
func (d *Directory) View() *View { return d.view.Load() }

// OnChange has f called after each change, in order, on the goroutine of Follow. Call it
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
		d.view.Store(d.View().after(batch, d.damaged))
		d.tell()
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
	snap, err := d.store.List(ctx, "")
	if err != nil {
		return err
	}
	batch := make([]store.Change, len(snap.Entries))
	for i, e := range snap.Entries {
		batch[i].Entry = e
	}
	v := new(View).after(batch, d.damaged)
	v.Revision = snap.Revision
	d.view.Store(v)
	return nil
}

// after returns the view after changes.
func (v *View) after(batch []store.Change, damaged func(error)) *View {
	next := &View{Revision: v.Revision, users: clone(v.users), devices: clone(v.devices), own: clone(v.own), groups: clone(v.groups), certificates: clone(v.certificates)}
	for _, c := range batch {
		next.Revision = max(next.Revision, c.Revision)
		if err := next.apply(c); err != nil {
			damaged(err)
		}
	}
	return next
}

func clone[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return make(map[K]V)
	}
	return maps.Clone(m)
}

// apply changes what a change is about. A record that cannot be read is forgotten.
func (v *View) apply(c store.Change) error {
	kind, name, _ := strings.Cut(c.Key, "/")
	switch kind {
	case "users":
		return set(v.users, name, c, userVersion)
	case "groups":
		return set(v.groups, name, c, groupVersion)
	case "devices":
		user, _, _ := strings.Cut(name, "/")
		err := set(v.devices, name, c, deviceVersion)
		own := slices.DeleteFunc(slices.Clone(v.own[user]), func(key string) bool { return key == name })
		if v.devices[name] != nil {
			own = append(own, name)
		}
		slices.Sort(own)
		v.own[user] = own
		return err
	case "certificates":
		delete(v.certificates, name)
		if c.Deleted {
			return nil
		}
		var key string
		_, err := store.Decode(c.Entry, 1, &key)
		if err == nil {
			v.certificates[name] = key
		}
		return err
	}
	return nil
}

func set[T any](m map[string]*T, key string, c store.Change, version int) error {
	delete(m, key)
	if c.Deleted {
		return nil
	}
	record := new(T)
	if _, err := store.Decode(c.Entry, version, record); err != nil {
		return err
	}
	m[key] = record
	return nil
}
