package users

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"time"
)

// maxCommonName is how many bytes a certificate's common name may have.
const maxCommonName = 64

// Auto, where an address is expected, is the next free one, and None no address.
const (
	Auto = "auto"
	None = "none"
)

// Network is the server's, as far as devices have addresses in it.
type Network interface {
	// Check fails if no client can have the address.
	Check(a netip.Addr) error
	// Addresses yields those that clients can have, of one family; those that the
	// server's pool leases last come first.
	Addresses(ipv6 bool) iter.Seq[netip.Addr]
}

// Addresses are those that a device is to have: an address, Auto, None, or "" to leave it
// as it is.
type Addresses struct {
	IPv4, IPv6 string
	Network    Network // nil only if both are "" or None
}

// AddDevice adds a device to a user, and returns it with its addresses. Created and
// CommonName are set. The user's record changes with it, so that a limit holds, and a user
// who is removed meanwhile leaves no device.
func (b *Book) AddDevice(ctx context.Context, d Device, a Addresses) (*Device, error) {
	d.Created, d.CommonName = b.now().UTC().Truncate(time.Second), d.Name+"."+d.User
	if err := CheckLabel(d.Name); err != nil {
		return nil, err
	}
	if len(d.CommonName) > maxCommonName {
		return nil, fmt.Errorf("device %s: %s has %d bytes, and the common name of a certificate at most %d; choose a shorter name", d.Key(), d.CommonName, len(d.CommonName), maxCommonName)
	}
	var added Device
	err := b.change(ctx, func(t *tx) error {
		added = d
		u, err := t.user(d.User)
		if err != nil {
			return err
		}
		if err := t.mayAdd(u, &added); err != nil {
			return err
		}
		if err := t.address(&added, a); err != nil {
			return err
		}
		if err := t.put(certificatesPrefix+added.CommonName, indexVersion, added.Key()); err != nil {
			return err
		}
		if err := t.putDevice(&added); err != nil {
			return err
		}
		return t.putUser(u)
	})
	return &added, err
}

// mayAdd fails if the device is there, or the user has as many as allowed.
func (t *tx) mayAdd(u *User, d *Device) error {
	before, err := get[Device](t, devicesPrefix+d.Key(), deviceVersion)
	if err != nil {
		return err
	}
	if before != nil {
		return &ExistsError{"device", d.Key()}
	}
	owner, err := get[string](t, certificatesPrefix+d.CommonName, indexVersion)
	if err != nil {
		return err
	}
	if owner != nil {
		return &ExistsError{"device", *owner}
	}
	groups, err := t.groupsOf(u)
	if err != nil {
		return err
	}
	limit, from := Limit(u, groups)
	if limit == nil {
		return nil
	}
	have, err := t.names(devicesPrefix + u.Name + "/")
	if err == nil && len(have) >= *limit {
		err = &LimitError{User: u.Name, Limit: *limit, Have: len(have), From: from}
	}
	return err
}

// ChangeDevice changes what f changes of a device, and its addresses; f may be called
// several times. Its error ends it. Names stay, and addresses that f changes.
func (b *Book) ChangeDevice(ctx context.Context, user, name string, a Addresses, f func(*Device) error) (*Device, error) {
	var changed *Device
	err := b.change(ctx, func(t *tx) error {
		d, err := t.device(user, name)
		if err != nil {
			return err
		}
		before := *d
		if err := f(d); err != nil {
			return err
		}
		d.User, d.Name, d.CommonName, d.IPv4, d.IPv6 = before.User, before.Name, before.CommonName, before.IPv4, before.IPv6
		changed = d
		if err := t.address(d, a); err != nil {
			return err
		}
		return t.putDevice(d)
	})
	return changed, err
}

// RemoveDevice removes a device and all that is its, also where records cannot be read.
func (b *Book) RemoveDevice(ctx context.Context, user, name string) error {
	return b.change(ctx, func(t *tx) error {
		d, err := t.drop(user, name)
		if err != nil {
			return err
		}
		u, err := get[User](t, usersPrefix+user, userVersion)
		if unreadable(err) {
			return nil // nobody counts the devices
		}
		if err != nil || u == nil {
			return err
		}
		if err := t.bequeath(d); err != nil && !unreadable(err) {
			return err
		}
		return t.putUser(u) // who counts the devices meets a conflict
	})
}

// drop removes the records of a device, which has to be there, and returns it. Of one that
// cannot be read it finds them.
func (t *tx) drop(user, name string) (*Device, error) {
	d, err := t.device(user, name)
	if unreadable(err) {
		return t.removeUnreadable(user, name)
	}
	if err == nil {
		t.removeDevice(d)
	}
	return d, err
}

// bequeath leaves to the user what a device that goes spent of the user's quota.
func (t *tx) bequeath(d *Device) error {
	usage, err := get[Usage](t, usageKey(d.User, d.Name), usageVersion)
	if err != nil || usage == nil {
		return err
	}
	return t.use(d.User+"/-", Usage{LastSeen: usage.LastSeen, Spent: usage.Spent})
}

// removeDevice removes the records of a device.
func (t *tx) removeDevice(d *Device) {
	t.remove(devicesPrefix+d.Key(), certificatesPrefix+d.CommonName, usageKey(d.User, d.Name))
	for _, a := range []netip.Addr{d.IPv4, d.IPv6} {
		if a.IsValid() {
			t.remove(addressesPrefix + a.String())
		}
	}
}

// usageKey is where the counters of a device are; those of sessions without one have "-",
// which no device is called.
func usageKey(user, device string) string {
	if device == "" {
		device = "-"
	}
	return usagePrefix + user + "/" + device
}

// address gives a device the addresses that it is to have.
func (t *tx) address(d *Device, a Addresses) error {
	for _, one := range []struct {
		wanted string
		has    *netip.Addr
		ipv6   bool
	}{{a.IPv4, &d.IPv4, false}, {a.IPv6, &d.IPv6, true}} {
		if one.wanted == "" {
			continue
		}
		to, err := t.choose(one.wanted, *one.has, one.ipv6, a.Network)
		if err != nil {
			return fmt.Errorf("device %s: %w", d.Key(), err)
		}
		if to == *one.has {
			continue
		}
		if one.has.IsValid() {
			t.remove(addressesPrefix + one.has.String())
		}
		if *one.has = to; to.IsValid() {
			if err := t.claim(to, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// choose returns the address that a wish means, of a device that has one now or none.
func (t *tx) choose(wanted string, now netip.Addr, ipv6 bool, n Network) (netip.Addr, error) {
	switch wanted {
	case None:
		return netip.Addr{}, nil
	case Auto:
		if now.IsValid() {
			return now, nil
		}
		return t.free(ipv6, n)
	}
	a, err := netip.ParseAddr(wanted)
	if family := map[bool]string{false: "IPv4", true: "IPv6"}[ipv6]; err != nil || a.Is6() != ipv6 || a.Zone() != "" || a.Is4In6() {
		return a, fmt.Errorf("%.60q: expected an %s address, %s or %s", wanted, family, Auto, None)
	}
	return a, n.Check(a)
}

// free returns an address that no device has.
func (t *tx) free(ipv6 bool, n Network) (netip.Addr, error) {
	names, err := t.names(addressesPrefix)
	if err != nil {
		return netip.Addr{}, err
	}
	taken := make(map[netip.Addr]bool, len(names))
	for _, name := range names {
		if a, err := netip.ParseAddr(name); err == nil {
			taken[a] = true
		}
	}
	for a := range n.Addresses(ipv6) {
		if taken[a] {
			continue
		}
		owner, err := get[string](t, addressesPrefix+a.String(), indexVersion)
		if err != nil || owner == nil { // else somebody got it since
			return a, err
		}
	}
	return netip.Addr{}, fmt.Errorf("no %s address of the server's network is free", map[bool]string{false: "IPv4", true: "IPv6"}[ipv6])
}

// claim makes an address a device's.
func (t *tx) claim(a netip.Addr, d *Device) error {
	key := addressesPrefix + a.String()
	owner, err := get[string](t, key, indexVersion)
	if err != nil {
		return err
	}
	if owner != nil && *owner != d.Key() {
		return &TakenError{a, *owner}
	}
	return t.put(key, indexVersion, d.Key())
}
