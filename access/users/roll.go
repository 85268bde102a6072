package users

import (
	"context"
	"maps"
	"slices"
	"strings"

	"culvert/internal/nearest"
	"culvert/internal/share"
	"culvert/store"
)

// Kind is a kind of what a Roll has.
type Kind int

// The kinds.
const (
	Users Kind = iota
	Groups
	Devices
	DeviceCounts // how many devices each user has, without the devices
	Usages       // what the devices carried; behind Devices
)

// Roll is users, groups and devices of one revision, for who goes through all of a kind.
// Whoever looks for one has a View.
type Roll struct {
	Users   []*User   // by name
	Groups  []*Group  // by name
	Devices []*Device // by user and name
	Usages  []*Usage  // what each of Devices carried; nil: nothing

	devices map[string][]*Device
	counts  map[string]int
	groups  map[string]*Group
}

// Roll reads all of some kinds, and nothing else. damaged is called for each record that
// cannot be read, which is passed over.
func (b *Book) Roll(ctx context.Context, damaged func(error), kinds ...Kind) (*Roll, error) {
	prefixes := make([]string, len(kinds))
	for i, kind := range kinds {
		prefixes[i] = map[Kind]string{Users: usersPrefix, Groups: groupsPrefix, Devices: devicesPrefix, DeviceCounts: devicesPrefix, Usages: usagePrefix}[kind]
	}
	snap, err := b.store.List(ctx, prefixes...)
	if err != nil {
		return nil, err
	}
	r := new(Roll)
	rest := snap.Entries
	for i, kind := range kinds {
		n := 0
		for n < len(rest) && strings.HasPrefix(rest[n].Key, prefixes[i]) {
			n++
		}
		r.read(kind, rest[:n], damaged)
		rest = rest[n:]
	}
	return r, nil
}

func (r *Roll) read(kind Kind, entries []store.Entry, damaged func(error)) {
	switch kind {
	case Users:
		r.Users = decodeAll[User](entries, userVersion, damaged)
	case Groups:
		r.Groups = decodeAll[Group](entries, groupVersion, damaged)
		r.groups = make(map[string]*Group, len(r.Groups))
		for _, g := range r.Groups {
			r.groups[g.Name] = g
		}
	case Devices:
		r.Devices = decodeAll[Device](entries, deviceVersion, damaged)
		r.devices = make(map[string][]*Device)
		for i, first := 0, 0; i < len(r.Devices); i++ {
			if user := r.Devices[i].User; i+1 == len(r.Devices) || r.Devices[i+1].User != user {
				r.devices[user] = r.Devices[first : i+1 : i+1]
				first = i + 1
			}
		}
	case Usages:
		r.Usages = make([]*Usage, len(r.Devices))
		d := 0 // the first device that is not before the record's
		records, errs := decodeEach[Usage](entries, usageVersion)
		for i, e := range entries {
			if errs[i] != nil {
				damaged(errs[i])
				continue
			}
			key := e.Key[len(usagePrefix):]
			for d < len(r.Devices) && r.Devices[d].Key() < key {
				d++
			}
			if d < len(r.Devices) && r.Devices[d].Key() == key {
				r.Usages[d] = &records[i]
			}
		}
	case DeviceCounts:
		r.counts = make(map[string]int)
		for _, e := range entries {
			user, _, _ := strings.Cut(e.Key[len(devicesPrefix):], "/")
			r.counts[user]++
		}
	}
}

// Group returns a group of the kind Groups; nil: there is none of that name.
func (r *Roll) Group(name string) *Group { return r.groups[name] }

// FindGroup returns a group, or an *UnknownError, of the kind Groups. Everyone is always there.
func (r *Roll) FindGroup(name string) (*Group, error) {
	if g := r.Group(name); g != nil {
		return g, nil
	}
	if name == Everyone {
		return &Group{Name: Everyone}, nil
	}
	return nil, &UnknownError{"group", name, nearest.Of(maps.Keys(r.groups), name)}
}

// Members returns the names of the users that are in a group, in order; all for Everyone.
func (r *Roll) Members(group string) []string {
	names := []string{}
	for _, u := range r.Users {
		if group == Everyone || slices.Contains(u.Groups, group) {
			names = append(names, u.Name)
		}
	}
	return names
}

// GroupsOf is View.GroupsOf, of the kind Groups.
func (r *Roll) GroupsOf(u *User) []*Group { return groupsOf(u, r.Group) }

// DevicesOf returns a user's devices, by name, of the kind Devices.
func (r *Roll) DevicesOf(user string) []*Device { return r.devices[user] }

// DeviceCount returns how many devices a user has, of the kind DeviceCounts.
func (r *Roll) DeviceCount(user string) int { return r.counts[user] }

// decodeAll reads records. Those that cannot be read are left out.
func decodeAll[T any](entries []store.Entry, version int, damaged func(error)) []*T {
	records, errs := decodeEach[T](entries, version)
	good := make([]*T, 0, len(entries))
	for i := range records {
		if errs[i] != nil {
			damaged(errs[i])
			continue
		}
		good = append(good, &records[i])
	}
	return good
}

// decodeEach reads records, on all processors.
func decodeEach[T any](entries []store.Entry, version int) ([]T, []error) {
	records := make([]T, len(entries))
	errs := share.Parts(len(entries), func(from, to int) []error {
		errs := make([]error, to-from)
		for i := range errs {
			errs[i] = decode(entries[from+i], version, &records[from+i])
		}
		return errs
	})
	return records, slices.Concat(errs...)
}
