package users

import (
	"context"
	"slices"
	"strings"

	"culvert/store"
)

// Page says which part of a list is wanted. It is read on one processor: a server that
// carries packets makes lists, too.
type Page struct {
	After string // the key of the last one before: a user's name, or USER/NAME of a device
	Limit int    // 1 or more
	// Damaged is called for each record that cannot be read, which is passed over.
	Damaged func(error)
}

// UsersPage returns users by name, for whom match holds (nil: all), and whether there may be
// more of them.
func (b *Book) UsersPage(ctx context.Context, p Page, match func(*User) bool) (all []*User, more bool, err error) {
	return pageOf(ctx, b, p, usersPrefix, usersPrefix, userVersion, match)
}

// DevicesPage returns devices by user and name: those of one user, or of all if that is "".
func (b *Book) DevicesPage(ctx context.Context, p Page, user string, match func(*Device) bool) (all []*Device, more bool, err error) {
	prefix := devicesPrefix
	if user != "" {
		prefix += user + "/"
	}
	return pageOf(ctx, b, p, prefix, devicesPrefix, deviceVersion, match)
}

// pageOf reads a page of the records below a prefix. Keys without kind are names in p.
func pageOf[T any](ctx context.Context, b *Book, p Page, prefix, kind string, version int, match func(*T) bool) (all []*T, more bool, err error) {
	snap, err := b.store.List(ctx, prefix)
	if err != nil {
		return nil, false, err
	}
	from := 0
	if p.After != "" {
		from, _ = slices.BinarySearchFunc(snap.Entries, kind+p.After, func(e store.Entry, key string) int {
			if e.Key <= key {
				return -1
			}
			return 1
		})
	}
	for i, e := range snap.Entries[from:] {
		if i&0x3f == 0 && ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		record := new(T)
		if err := decode(e, version, record); err != nil {
			p.Damaged(err)
			continue
		}
		if match != nil && !match(record) {
			continue
		}
		if len(all) == p.Limit {
			return all, true, nil
		}
		all = append(all, record)
	}
	return all, false, nil
}

// DeviceCounts returns how many devices some users have, by name.
func (b *Book) DeviceCounts(ctx context.Context, names []string) (map[string]int, error) {
	prefixes := make([]string, len(names))
	for i, name := range names {
		prefixes[i] = devicesPrefix + name + "/"
	}
	snap, err := b.store.List(ctx, prefixes...)
	counts := make(map[string]int, len(names))
	for _, e := range snap.Entries {
		user, _, _ := strings.Cut(e.Key[len(devicesPrefix):], "/")
		counts[user]++
	}
	return counts, err
}

// UsagesOf returns what some devices carried, by USER/NAME. damaged is called for each
// counter that cannot be read.
func (b *Book) UsagesOf(ctx context.Context, devices []*Device, damaged func(error)) (map[string]*Usage, error) {
	all := make(map[string]*Usage, len(devices))
	prefixes := make([]string, 0, len(devices))
	for _, d := range devices {
		if prefix := usagePrefix + d.User + "/"; len(prefixes) == 0 || prefixes[len(prefixes)-1] != prefix {
			prefixes = append(prefixes, prefix)
		}
	}
	snap, err := b.store.List(ctx, prefixes...)
	if err != nil {
		return nil, err
	}
	for _, e := range snap.Entries {
		u := new(Usage)
		if err := decode(e, usageVersion, u); err != nil {
			damaged(err)
			continue
		}
		all[e.Key[len(usagePrefix):]] = u
	}
	return all, nil
}

// AllGroups returns all groups, by name.
func (b *Book) AllGroups(ctx context.Context, damaged func(error)) ([]*Group, error) {
	r, err := b.Roll(ctx, damaged, Groups)
	if err != nil {
		return nil, err
	}
	return r.Groups, nil
}
