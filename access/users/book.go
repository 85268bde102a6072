package users

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"culvert/store"
)

// Book changes users, devices and groups, each change in one transaction or as said. Make
// it with NewBook. It is safe for concurrent use, by several processes, too.
type Book struct {
	store store.Store
	now   func() time.Time
}

// NewBook returns a book of a store.
func NewBook(s store.Store, now func() time.Time) *Book { return &Book{s, now} }

// Read returns all as it is at one revision, for who looks for many. damaged is called for
// each record that cannot be read.
func (b *Book) Read(ctx context.Context, damaged func(error)) (*View, error) {
	d, err := Open(ctx, b.store, damaged)
	if err != nil {
		return nil, err
	}
	return d.View(), nil
}

// ViewOf returns a view that has a user, who is there, their devices and all groups, as they
// are at one revision. damaged is called for each record that cannot be read.
func (b *Book) ViewOf(ctx context.Context, user string, damaged func(error)) (*View, error) {
	for {
		v, err := readView(ctx, b.store, damaged, usersPrefix+user, devicesPrefix+user+"/", groupsPrefix)
		if err != nil || v.User(user) != nil {
			return v, err
		}
		if _, err := b.begin(ctx).user(user); err != nil { // says who may be meant
			return nil, err
		}
	}
}

// ViewByCommonName is ViewOf for the owner of the device whose certificates have a common
// name. It is empty if that is no device.
func (b *Book) ViewByCommonName(ctx context.Context, commonName string, damaged func(error)) (*View, error) {
	key, err := get[string](b.begin(ctx), certificatesPrefix+commonName, indexVersion)
	if err != nil || key == nil {
		return new(View), err
	}
	user, _, _ := strings.Cut(*key, "/")
	return readView(ctx, b.store, damaged, usersPrefix+user, devicesPrefix+user+"/", groupsPrefix, certificatesPrefix+commonName)
}

// User returns a user with their groups in the order in which they decide, or an
// *UnknownError.
func (b *Book) User(ctx context.Context, name string) (*User, []*Group, error) {
	t := b.begin(ctx)
	u, err := t.user(name)
	if err != nil {
		return nil, nil, err
	}
	groups, err := t.groupsOf(u)
	return u, groups, err
}

// Device returns a user's device, or an *UnknownError.
func (b *Book) Device(ctx context.Context, user, name string) (*Device, error) {
	return b.begin(ctx).device(user, name)
}

// DevicesOf returns a user's devices, by name.
func (b *Book) DevicesOf(ctx context.Context, user string) (all []*Device, err error) {
	t := b.begin(ctx)
	names, err := t.names(devicesPrefix + user + "/")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		d, err := get[Device](t, devicesPrefix+user+"/"+name, deviceVersion)
		if err != nil {
			return nil, err
		}
		if d != nil {
			all = append(all, d)
		}
	}
	return all, nil
}

// AddUser adds a user, whose name differs from those of others not in capital letters
// alone. Created is set, where it is not.
func (b *Book) AddUser(ctx context.Context, u User) error {
	if u.Created.IsZero() {
		u.Created = b.now().UTC().Truncate(time.Second)
	}
	return b.change(ctx, func(t *tx) error {
		before, err := get[User](t, usersPrefix+u.Name, userVersion)
		if err != nil {
			return err
		}
		if before != nil {
			return &ExistsError{"user", u.Name}
		}
		others, err := t.names(usersPrefix)
		if err != nil {
			return err
		}
		for _, other := range others {
			if strings.EqualFold(other, u.Name) {
				return &AlikeError{u.Name, other}
			}
		}
		return t.setUser(&u)
	})
}

// ChangeUser changes what f changes of a user; f may be called several times. Its error
// ends it.
func (b *Book) ChangeUser(ctx context.Context, name string, f func(*User) error) error {
	return b.change(ctx, func(t *tx) error {
		u, err := t.user(name)
		if err != nil {
			return err
		}
		before := u.Groups
		if err := f(u); err != nil {
			return err
		}
		u.Name = name
		if slices.Equal(before, u.Groups) {
			return t.checkAndPut(u)
		}
		return t.setUser(u)
	})
}

// setUser writes a user whose groups have to be there.
func (t *tx) setUser(u *User) error {
	u.Groups = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(u.Groups))), func(g string) bool { return g == Everyone })
	for _, g := range u.Groups {
		if _, err := t.group(g); err != nil {
			return err
		}
	}
	return t.checkAndPut(u)
}

func (t *tx) checkAndPut(u *User) error {
	if err := u.check(); err != nil {
		return err
	}
	return t.putUser(u)
}

// maxGroups is how many groups a user may be in.
const maxGroups = 100

func (u *User) check() error {
	if err := CheckName(u.Name); err != nil {
		return err
	}
	for what, text := range map[string]string{"full name": u.FullName, "email": u.Email, "reason to be gone": u.Gone} {
		if len(text) > 256 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return fmt.Errorf("user %s: %s %.40q: expected at most 256 bytes without control characters", u.Name, what, text)
		}
	}
	if len(u.Groups) > maxGroups {
		return fmt.Errorf("user %s: %d groups: expected at most %d", u.Name, len(u.Groups), maxGroups)
	}
	return checkLimit("user "+u.Name, u.MaxDevices)
}

// maxDevices is how many devices a limit may allow.
const maxDevices = 1000

func checkLimit(who string, limit *int) error {
	if limit != nil && (*limit < 0 || *limit > maxDevices) {
		return fmt.Errorf("%s: at most %d devices: expected 0 to %d", who, *limit, maxDevices)
	}
	return nil
}

// devicesAtOnce is how many devices one transaction removes.
const devicesAtOnce = 100

// RemoveUser removes a user with all that is theirs, and returns their devices, also where
// records cannot be read. If they have more than 100, that takes several transactions: the
// first disables the user.
func (b *Book) RemoveUser(ctx context.Context, name string) (removed []*Device, err error) {
	for done := false; !done; {
		var batch []*Device
		err := b.change(ctx, func(t *tx) error {
			batch = nil
			u, err := t.user(name)
			known := !unreadable(err) // else nobody signs in
			if err != nil && known {
				return err
			}
			names, err := t.names(devicesPrefix + name + "/")
			if err != nil {
				return err
			}
			done = len(names) <= devicesAtOnce
			for _, device := range names[:min(len(names), devicesAtOnce)] {
				d, err := t.drop(name, device)
				if err != nil {
					return err
				}
				batch = append(batch, d)
			}
			switch {
			case done:
				t.remove(usersPrefix+name, usageKey(name, ""), "signins/"+name)
			case known:
				u.Disabled = true
				return t.putUser(u)
			}
			return nil
		})
		if err != nil {
			return removed, err
		}
		removed = append(removed, batch...)
	}
	return removed, nil
}

// importAtOnce is how many users one transaction adds.
const importAtOnce = 400

// Import adds many users, in the order given, hundreds in one transaction. Faults in them,
// and names that are there already, are found before the first is added; their error is an
// *ImportError.
func (b *Book) Import(ctx context.Context, all []User) (added int, err error) {
	created := b.now().UTC().Truncate(time.Second)
	there, err := b.Roll(ctx, func(error) {}, Users, Groups)
	if err != nil {
		return 0, err
	}
	taken := make(map[string]string, len(all))
	for _, u := range there.Users {
		taken[strings.ToLower(u.Name)] = u.Name
	}
	for i := range all {
		u := &all[i]
		if err := there.mayImport(u, taken); err != nil {
			return 0, &ImportError{i, err}
		}
		taken[strings.ToLower(u.Name)], u.Created = u.Name, created
	}
	for batch := range slices.Chunk(all, importAtOnce) {
		if err := b.importBatch(ctx, batch); err != nil {
			return added, fmt.Errorf("%d of %d users were added: %w", added, len(all), err)
		}
		added += len(batch)
	}
	return added, nil
}

// mayImport fails if a user cannot be added. taken are the names that there are, by their
// small letters.
func (r *Roll) mayImport(u *User, taken map[string]string) error {
	if err := u.check(); err != nil {
		return err
	}
	switch other := taken[strings.ToLower(u.Name)]; other {
	case "":
	case u.Name:
		return &ExistsError{"user", u.Name}
	default:
		return &AlikeError{u.Name, other}
	}
	for _, g := range u.Groups {
		if _, err := r.FindGroup(g); err != nil {
			return fmt.Errorf("user %s: %w", u.Name, err)
		}
	}
	return nil
}

func (b *Book) importBatch(ctx context.Context, batch []User) error {
	return b.change(ctx, func(t *tx) error {
		for i := range batch {
			u := batch[i]
			before, err := get[User](t, usersPrefix+u.Name, userVersion)
			if err != nil {
				return err
			}
			if before != nil {
				return &ExistsError{"user", u.Name}
			}
			if err := t.setUser(&u); err != nil {
				return err
			}
		}
		return nil
	})
}
