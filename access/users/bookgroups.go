package users

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"culvert/store"
)

// Group returns a group, or an *UnknownError. Everyone need not have been added.
func (b *Book) Group(ctx context.Context, name string) (*Group, error) {
	return b.begin(ctx).group(name)
}

// AddGroup adds a group. Nobody is in it.
func (b *Book) AddGroup(ctx context.Context, g Group) error {
	if err := g.check(); err != nil {
		return err
	}
	if _, err := b.empty(ctx, g.Name); err != nil { // of one whose removal was cut short
		return err
	}
	return b.change(ctx, func(t *tx) error {
		before, err := get[Group](t, groupsPrefix+g.Name, groupVersion)
		if err != nil {
			return err
		}
		if before != nil {
			return &ExistsError{"group", g.Name}
		}
		return t.putGroup(&g)
	})
}

// ChangeGroup changes what f changes of a group; f may be called several times. Its error
// ends it. Everyone need not have been added.
func (b *Book) ChangeGroup(ctx context.Context, name string, f func(*Group) error) error {
	return b.change(ctx, func(t *tx) error {
		g, err := t.group(name)
		if err != nil {
			return err
		}
		if err := f(g); err != nil {
			return err
		}
		g.Name = name
		if err := g.check(); err != nil {
			return err
		}
		return t.putGroup(g)
	})
}

// RemoveGroup removes a group, also one that cannot be read, and takes its members out of
// it, of whom there were that many. What it did when it is cut short, AddGroup ends. Of
// Everyone only a record that cannot be read is removed: the group says nothing then.
func (b *Book) RemoveGroup(ctx context.Context, name string) (members int, err error) {
	err = b.change(ctx, func(t *tx) error {
		_, err := t.group(name)
		t.remove(groupsPrefix + name)
		if unreadable(err) {
			return nil
		}
		if err == nil && name == Everyone {
			return errors.New("group everyone cannot be removed: all users are in it")
		}
		return err
	})
	if err != nil || name == Everyone {
		return 0, err
	}
	return b.empty(ctx, name) // nobody can join any more
}

// empty takes all members out of a group, unless it is there, which it is also where it
// cannot be read.
func (b *Book) empty(ctx context.Context, name string) (members int, err error) {
	if _, err := b.store.Get(ctx, groupsPrefix+name); !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	r, err := b.Roll(ctx, func(error) {}, Users)
	if err != nil {
		return 0, err
	}
	for batch := range slices.Chunk(r.Members(name), importAtOnce) {
		if err := b.change(ctx, func(t *tx) error { return t.leave(name, batch) }); err != nil {
			return members, err
		}
		members += len(batch)
	}
	return members, nil
}

// leave takes users out of a group. Those who are gone are passed over.
func (t *tx) leave(group string, names []string) error {
	for _, name := range names {
		u, err := get[User](t, usersPrefix+name, userVersion)
		if err != nil {
			return err
		}
		if u == nil || !slices.Contains(u.Groups, group) {
			continue
		}
		u.Groups = slices.DeleteFunc(u.Groups, func(g string) bool { return g == group })
		if err := t.putUser(u); err != nil {
			return err
		}
	}
	return nil
}

// Members puts users into a group and takes others out, in one transaction.
func (b *Book) Members(ctx context.Context, group string, add, remove []string) error {
	if group == Everyone {
		return errors.New("all users are in group everyone, and stay there")
	}
	if most := importAtOnce; len(add)+len(remove) > most {
		return fmt.Errorf("%d users at once: expected at most %d", len(add)+len(remove), most)
	}
	return b.change(ctx, func(t *tx) error {
		if _, err := t.group(group); err != nil {
			return err
		}
		for i, name := range append(slices.Clip(add), remove...) {
			u, err := t.user(name)
			if err != nil {
				return err
			}
			u.Groups = slices.DeleteFunc(u.Groups, func(g string) bool { return g == group })
			if i < len(add) {
				u.Groups = slices.Sorted(slices.Values(append(u.Groups, group)))
			}
			if err := t.checkAndPut(u); err != nil {
				return err
			}
		}
		return nil
	})
}

func (g *Group) check() error {
	if err := CheckName(g.Name); err != nil {
		return err
	}
	if len(g.Require) > 0 {
		if _, err := ParseWays(FormatWays(g.Require)); err != nil {
			return fmt.Errorf("group %s: %w", g.Name, err)
		}
	}
	return checkLimit("group "+g.Name, g.MaxDevices)
}
