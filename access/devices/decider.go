// Package devices decides about a server's clients by the records of users and devices: it
// gives devices their addresses, and counts the sessions of those who show none.
package devices

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"culvert/access"
	"culvert/access/users"
	"culvert/config"
)

// Decider is asked by a server about each client that asks to come in, when its
// certificate and login are good. It refuses who is barred, and users without a
// certificate who have as many sessions as they may have devices; and it gives devices
// their stable addresses. Make it with NewDecider. It is safe for concurrent use.
type Decider struct {
	directory *users.Directory
	now       func() time.Time
	shared    bool

	mu       sync.Mutex
	sessions map[string]map[uint64]string // the clients of a user that show no device: their numbers and names
	owners   map[uint64]string            // whose they are
}

var _ access.Decider = (*Decider)(nil)

// NewDecider returns a decider that asks a directory. shared: several clients may have one
// name (duplicate-cn); else a client takes the place of another one of its name.
func NewDecider(d *users.Directory, shared bool, now func() time.Time) *Decider {
	return &Decider{directory: d, now: now, shared: shared, sessions: make(map[string]map[uint64]string), owners: make(map[uint64]string)}
}

// Decide implements access.Decider.
func (d *Decider) Decide(_ context.Context, a *access.Applicant, s *config.PerClient) error {
	view := d.directory.View()
	who := view.Standing(access.Name(a.CommonName), a.User)
	if err := who.Barred(d.now()); err != nil {
		return &access.Refusal{Reason: err.Error()}
	}
	if who.Device != nil {
		giveAddresses(who.Device, s)
		return nil
	}
	if who.User == nil {
		return nil
	}
	return d.count(view, a, who)
}

// giveAddresses gives a client its device's addresses, unless its settings have others.
func giveAddresses(d *users.Device, s *config.PerClient) {
	if s.Ifconfig == nil && d.IPv4.IsValid() {
		s.Ifconfig = &config.Ifconfig{Local: d.IPv4}
	}
	if s.IfconfigIPv6 == nil && d.IPv6.IsValid() {
		s.IfconfigIPv6 = &config.IfconfigIPv6{Local: netip.PrefixFrom(d.IPv6, -1)}
	}
}

// count notes a session of a user without a device, or refuses it.
func (d *Decider) count(view *users.View, a *access.Applicant, who users.Standing) error {
	limit, from := users.Limit(who.User, who.Groups)
	user := who.User.Name
	d.mu.Lock()
	defer d.mu.Unlock()
	have := view.DeviceCount(user)
	for number, name := range d.sessions[user] {
		replaced := !d.shared && name == a.Name && name != access.Nameless
		if number != a.Number && !replaced {
			have++
		}
	}
	if limit != nil && have >= *limit {
		return &access.Refusal{Reason: fmt.Sprintf("%s has %d devices and sessions, and %s allows %d", user, have, from, *limit), Later: true}
	}
	if d.sessions[user] == nil {
		d.sessions[user] = make(map[uint64]string)
	}
	d.sessions[user][a.Number], d.owners[a.Number] = a.Name, user
	return nil
}

// Gone notes that a client's session has ended, by its number. It has to be called for
// each that asked to come in.
func (d *Decider) Gone(number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	user := d.owners[number]
	delete(d.owners, number)
	if delete(d.sessions[user], number); len(d.sessions[user]) == 0 {
		delete(d.sessions, user)
	}
}
