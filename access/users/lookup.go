package users

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"slices"

	"culvert/store"
)

// Lookup reads from a store what it is asked for, for who asks for little: as a View does
// who has all. A record that cannot be read is as if it were not there. Make it with
// Book.Lookup. It is for one goroutine.
type Lookup struct {
	ctx  context.Context
	book *Book
	// damaged is called for each record that cannot be read, each time.
	damaged func(error)
	err     error
}

// Lookup returns a lookup in a book until ctx ends. damaged is called for each record that
// cannot be read.
func (b *Book) Lookup(ctx context.Context, damaged func(error)) *Lookup {
	return &Lookup{ctx: ctx, book: b, damaged: damaged}
}

// Err is why the store could not be read; nil: it could. What was looked up since is as if
// it were not there.
func (l *Lookup) Err() error { return l.err }

// User is View.User.
func (l *Lookup) User(name string) *User { return lookUp[User](l, usersPrefix+name, userVersion) }

// Group is View.Group.
func (l *Lookup) Group(name string) *Group {
	return lookUp[Group](l, groupsPrefix+name, groupVersion)
}

// GroupsOf is View.GroupsOf.
func (l *Lookup) GroupsOf(u *User) []*Group { return groupsOf(u, l.Group) }

// Device is View.Device.
func (l *Lookup) Device(user, name string) *Device { return l.device(user + "/" + name) }

// ByAddress is View.ByAddress.
func (l *Lookup) ByAddress(a netip.Addr) *Device {
	key := lookUp[string](l, addressesPrefix+a.Unmap().String(), indexVersion)
	if key == nil {
		return nil
	}
	return l.device(*key)
}

func (l *Lookup) device(key string) *Device {
	return lookUp[Device](l, devicesPrefix+key, deviceVersion)
}

// Users is View.Users.
func (l *Lookup) Users() iter.Seq[*User] { return slices.Values(l.roll(Users).Users) }

// Groups is View.Groups.
func (l *Lookup) Groups() iter.Seq[*Group] { return slices.Values(l.roll(Groups).Groups) }

// Devices is View.Devices.
func (l *Lookup) Devices() iter.Seq[*Device] { return slices.Values(l.roll(Devices).Devices) }

func (l *Lookup) roll(kind Kind) *Roll {
	r, err := l.book.Roll(l.ctx, l.damaged, kind)
	if err != nil {
		l.err = err
		return new(Roll)
	}
	return r
}

// lookUp reads a record; nil: there is none that can be read.
func lookUp[T any](l *Lookup, key string, version int) *T {
	e, err := l.book.store.Get(l.ctx, key)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			l.err = err
		}
		return nil
	}
	record := new(T)
	if err := decode(e, version, record); err != nil {
		l.damaged(err)
		return nil
	}
	return record
}
