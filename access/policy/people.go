package policy

import (
	"iter"
	"maps"
	"net/netip"

	"culvert/access"
	"culvert/access/users"
)

// People is a Directory of the users, groups and devices of a view; nil for none.
func People(v *users.View) Directory {
	if v == nil {
		return nil
	}
	return people{v}
}

// Records is a Directory of the users, groups and devices that a store has, each read when
// it is asked for.
func Records(l *users.Lookup) Directory { return people{l} }

type people struct{ records }

// records is what a *users.View and a *users.Lookup do.
type records interface {
	User(name string) *users.User
	Group(name string) *users.Group
	Device(user, name string) *users.Device
	ByAddress(a netip.Addr) *users.Device
	GroupsOf(u *users.User) []*users.Group
	Users() iter.Seq[*users.User]
	Groups() iter.Seq[*users.Group]
	Devices() iter.Seq[*users.Device]
}

func (p people) Has(kind Kind, name string) bool {
	switch kind {
	case User:
		return p.User(name) != nil
	case Group:
		return name == users.Everyone || p.Group(name) != nil
	case Device:
		return p.device(name) != nil
	}
	return false
}

// device returns the device of a name DEVICE.USER.
func (p people) device(name string) *users.Device {
	for i := range len(name) {
		if name[i] == '.' {
			return p.Device(name[i+1:], name[:i])
		}
	}
	return nil
}

// At is Addresses'.
func (p people) At(a netip.Addr) string {
	if d := p.ByAddress(a); d != nil {
		return d.Name + "." + d.User
	}
	return ""
}

// Of is Addresses'.
func (p people) Of(name string, ipv6 bool) netip.Addr {
	switch d := p.device(name); {
	case d == nil:
		return netip.Addr{}
	case ipv6:
		return d.IPv6
	default:
		return d.IPv4
	}
}

func (p people) Names(kind Kind) func(yield func(string) bool) {
	names := make(map[string]bool)
	switch kind {
	case User:
		for u := range p.Users() {
			names[u.Name] = true
		}
	case Group:
		for g := range p.Groups() {
			names[g.Name] = true
		}
	case Device:
		for d := range p.Devices() {
			names[d.Name+"."+d.User] = true
		}
	}
	return maps.Keys(names)
}

func (p people) GroupsOf(user string) (names []string) {
	if u := p.User(user); u != nil {
		for _, g := range p.records.GroupsOf(u) {
			names = append(names, g.Name)
		}
	}
	return names
}

// WhoIs returns who a client is: by its certificate and its login, and what a view knows
// of these; v may be nil.
func WhoIs(a *access.Applicant, v *users.View) (w Who) {
	if a.CommonName != access.Nameless {
		w.CommonName = a.CommonName
	}
	w.User = a.User
	if v == nil {
		return w
	}
	standing := v.Standing(w.CommonName, a.User)
	if d := standing.Device; d != nil {
		w.Device = d.Name + "." + d.User
	}
	if standing.User != nil {
		w.User = standing.User.Name
	}
	for _, g := range standing.Groups {
		w.Groups = append(w.Groups, g.Name)
	}
	return w
}
