package users

import (
	"iter"
	"net/netip"
	"slices"
	"strings"

	"culvert/store"
)

// View is all users, devices and groups at one revision. Nobody may change it.
type View struct {
	Revision     store.Revision
	users        shards[*User]
	unread       shards[bool]     // names of users whose records cannot be read
	devices      shards[*Device]  // by Key
	own          shards[[]string] // the devices of a user, sorted: keys of devices
	groups       shards[*Group]
	certificates shards[string] // by common name: keys of devices
	addresses    shards[string] // by address: keys of devices
}

// User returns a user; nil: there is none of that name.
func (v *View) User(name string) *User { return v.users.get(name) }

// Group returns a group; nil: there is none of that name.
func (v *View) Group(name string) *Group { return v.groups.get(name) }

// Device returns a user's device; nil: there is none of that name.
func (v *View) Device(user, name string) *Device { return v.devices.get(user + "/" + name) }

// ByCommonName returns the device whose certificates have a common name; nil: none.
func (v *View) ByCommonName(name string) *Device { return v.devices.get(v.certificates.get(name)) }

// ByAddress returns the device whose stable address that is; nil: none.
func (v *View) ByAddress(a netip.Addr) *Device {
	return v.devices.get(v.addresses.get(a.Unmap().String()))
}

// Users returns all users, by name.
func (v *View) Users() iter.Seq[*User] { return values(v.users) }

// Groups returns all groups, by name.
func (v *View) Groups() iter.Seq[*Group] { return values(v.groups) }

// Devices returns all devices, by user and name.
func (v *View) Devices() iter.Seq[*Device] { return values(v.devices) }

// DevicesOf returns a user's devices, by name.
func (v *View) DevicesOf(user string) (all []*Device) {
	for _, key := range v.own.get(user) {
		all = append(all, v.devices.get(key))
	}
	return all
}

// DeviceCount returns how many devices a user has.
func (v *View) DeviceCount(user string) int { return len(v.own.get(user)) }

func values[T any](s shards[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, value := range s.sorted() {
			if !yield(value) {
				return
			}
		}
	}
}

// Known reports whether there are any users, also such whose records cannot be read: a
// server without any asks nobody to sign in.
func (v *View) Known() bool { return v.users.count+v.unread.count > 0 }

// Count returns how many users and devices there are.
func (v *View) Count() (users, devices int) { return v.users.count, v.devices.count }

// GroupsOf returns a user's groups in the order in which they decide, with Everyone last.
// Groups that are not there are passed over.
func (v *View) GroupsOf(u *User) []*Group { return groupsOf(u, v.Group) }

func groupsOf(u *User, group func(name string) *Group) (all []*Group) {
	for _, name := range append(slices.Clip(u.Groups), Everyone) {
		if g := group(name); g != nil {
			all = append(all, g)
		}
	}
	return all
}

// Members returns the users that are in a group, by name; all for Everyone.
func (v *View) Members(group string) iter.Seq[*User] {
	return func(yield func(*User) bool) {
		for u := range v.Users() {
			if (group == Everyone || slices.Contains(u.Groups, group)) && !yield(u) {
				return
			}
		}
	}
}

// viewEdit is a View under change.
type viewEdit struct {
	revision                store.Revision
	users                   edit[*User]
	unread                  edit[bool]
	devices                 edit[*Device]
	own                     edit[[]string]
	groups                  edit[*Group]
	certificates, addresses edit[string]
}

func (v *View) edit() *viewEdit {
	return &viewEdit{revision: v.Revision,
		users: edit[*User]{now: v.users}, unread: edit[bool]{now: v.unread}, devices: edit[*Device]{now: v.devices}, own: edit[[]string]{now: v.own},
		groups: edit[*Group]{now: v.groups}, certificates: edit[string]{now: v.certificates}, addresses: edit[string]{now: v.addresses}}
}

func (e *viewEdit) view() *View {
	return &View{e.revision, e.users.now, e.unread.now, e.devices.now, e.own.now, e.groups.now, e.certificates.now, e.addresses.now}
}

// after returns the view after changes, and whether any is about it. What others keep in
// the store costs nothing.
func (v *View) after(batch []store.Change, damaged func(error)) (next *View, changed bool) {
	if !slices.ContainsFunc(batch, func(c store.Change) bool { return ours(c.Key) }) {
		next := *v
		for _, c := range batch {
			next.Revision = max(next.Revision, c.Revision)
		}
		return &next, false
	}
	e := v.edit()
	for _, c := range batch {
		e.revision = max(e.revision, c.Revision)
		if err := e.apply(c); err != nil {
			damaged(err)
		}
	}
	return e.view(), true
}

// ours reports whether a View has what stands under a key.
func ours(key string) bool {
	kind, _, _ := strings.Cut(key, "/")
	switch kind + "/" {
	case usersPrefix, devicesPrefix, groupsPrefix, certificatesPrefix, addressesPrefix:
		return true
	}
	return false
}

// apply changes what a change is about. A record that cannot be read is forgotten, but never
// lets anybody in: such a user is still one, and of such a group nobody signs in.
func (e *viewEdit) apply(c store.Change) error {
	kind, name, _ := strings.Cut(c.Key, "/")
	switch kind + "/" {
	case usersPrefix:
		err := set(&e.users, name, c, userVersion)
		e.unread.remove(name)
		if err != nil {
			e.unread.set(name, true)
		}
		return err
	case groupsPrefix:
		err := set(&e.groups, name, c, groupVersion)
		if err != nil {
			e.groups.set(name, &Group{Name: name, Require: []Way{{Unreadable}}})
		}
		return err
	case devicesPrefix:
		err := set(&e.devices, name, c, deviceVersion)
		e.belongs(name, e.devices.now.get(name) != nil)
		return err
	case certificatesPrefix:
		return setKey(&e.certificates, name, c)
	case addressesPrefix:
		return setKey(&e.addresses, name, c)
	}
	return nil
}

// belongs notes whether a user has a device.
func (e *viewEdit) belongs(key string, there bool) {
	user, _, _ := strings.Cut(key, "/")
	before := e.own.now.get(user)
	at, had := slices.BinarySearch(before, key)
	switch {
	case had == there:
	case there:
		e.own.set(user, slices.Insert(slices.Clone(before), at, key))
	case len(before) == 1:
		e.own.remove(user)
	default:
		e.own.set(user, slices.Delete(slices.Clone(before), at, at+1))
	}
}

func set[T any](e *edit[*T], key string, c store.Change, version int) error {
	record := new(T)
	if !c.Deleted {
		if err := decode(c.Entry, version, record); err != nil {
			e.remove(key)
			return err
		}
		e.set(key, record)
		return nil
	}
	e.remove(key)
	return nil
}

// setKey is set for an index, whose records are keys of devices.
func setKey(e *edit[string], key string, c store.Change) error {
	e.remove(key)
	if c.Deleted {
		return nil
	}
	var device string
	err := decode(c.Entry, indexVersion, &device)
	if err == nil {
		e.set(key, device)
	}
	return err
}
