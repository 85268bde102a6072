package users

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"culvert/store"
)

// tries is how often a change is tried while others change the same records.
const tries = 30

// change makes a transaction of what f reads and writes. If somebody else changed what it
// read, f is called again. Its other errors end it.
func (b *Book) change(ctx context.Context, f func(*tx) error) error {
	for try := 1; ; try++ {
		t := b.begin(ctx)
		err := f(t)
		if err == nil {
			_, err = b.store.Commit(ctx, t.txn())
		}
		if conflict := new(store.ConflictError); !errors.As(err, &conflict) {
			return err
		}
		if try == tries {
			return fmt.Errorf("%w; others change the same records all the time: try again", err)
		}
	}
}

func (b *Book) begin(ctx context.Context) *tx {
	return &tx{ctx: ctx, store: b.store, read: make(map[string]store.Revision), writes: make(map[string][]byte)}
}

// tx is a transaction under way: what it read is a condition, what it writes happens at
// once.
type tx struct {
	ctx    context.Context
	store  store.Store
	read   map[string]store.Revision
	writes map[string][]byte // nil: to be deleted
}

func (t *tx) txn() (txn store.Txn) {
	for key, revision := range t.read {
		txn.If = append(txn.If, store.Compare{Key: key, Revision: revision})
	}
	for key, value := range t.writes {
		if value == nil {
			txn.Delete = append(txn.Delete, key)
		} else {
			txn.Put = append(txn.Put, store.Put{Key: key, Value: value})
		}
	}
	return txn
}

// get reads a record; nil: there is none. That it stays so is a condition from now on.
func get[T any](t *tx, key string, version int) (*T, error) {
	e, err := t.store.Get(t.ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if first, again := t.read[key]; again && first != e.Revision {
		return nil, &store.ConflictError{Compare: store.Compare{Key: key, Revision: first}, Now: e.Revision}
	}
	t.read[key] = e.Revision
	if err != nil {
		return nil, nil
	}
	record := new(T)
	return record, decode(e, version, record)
}

// names returns the ends of the keys below a prefix. That there are no more of them later
// is not a condition.
func (t *tx) names(prefix string) (names []string, err error) {
	snap, err := t.store.List(t.ctx, prefix)
	for _, e := range snap.Entries {
		names = append(names, strings.TrimPrefix(e.Key, prefix))
	}
	return names, err
}

func (t *tx) put(key string, version int, record any) error {
	value, err := store.Encode(version, record)
	t.writes[key] = value
	return err
}

func (t *tx) remove(keys ...string) {
	for _, key := range keys {
		t.writes[key] = nil
	}
}

func (t *tx) putUser(u *User) error     { return t.put(usersPrefix+u.Name, userVersion, u) }
func (t *tx) putDevice(d *Device) error { return t.put(devicesPrefix+d.Key(), deviceVersion, d) }
func (t *tx) putGroup(g *Group) error   { return t.put(groupsPrefix+g.Name, groupVersion, g) }

// user reads a user who has to be there.
func (t *tx) user(name string) (*User, error) {
	u, err := get[User](t, usersPrefix+name, userVersion)
	if err == nil && u == nil {
		err = t.unknown("user", name, usersPrefix)
	}
	return u, err
}

// group reads a group that has to be there; Everyone always is.
func (t *tx) group(name string) (*Group, error) {
	g, err := get[Group](t, groupsPrefix+name, groupVersion)
	if err == nil && g == nil && name == Everyone {
		return &Group{Name: Everyone}, nil
	}
	if err == nil && g == nil {
		err = t.unknown("group", name, groupsPrefix)
	}
	return g, err
}

// groupsOf reads a user's groups, as View.GroupsOf.
func (t *tx) groupsOf(u *User) (all []*Group, err error) {
	for _, name := range append(slices.Clip(u.Groups), Everyone) {
		g, err := get[Group](t, groupsPrefix+name, groupVersion)
		if err != nil {
			return nil, err
		}
		if g != nil {
			all = append(all, g)
		}
	}
	return all, nil
}

// device reads a device that has to be there.
func (t *tx) device(user, name string) (*Device, error) {
	d, err := get[Device](t, devicesPrefix+user+"/"+name, deviceVersion)
	if err == nil && d == nil {
		if _, err := t.user(user); err != nil {
			return nil, err
		}
		err = t.unknown("device of "+user, name, devicesPrefix+user+"/")
	}
	return d, err
}
