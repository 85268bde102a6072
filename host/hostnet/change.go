package hostnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// change is one step of a plan. It carries what it takes to undo it, and is
// written to the journal as JSON.
type change interface {
	// String says what is changed, in words an administrator reads.
	String() string
	apply(ctx context.Context, k kernel) error
	// undo undoes the change, whether it was made or only about to be. What is gone
	// already is no error. An heir is another live process's change of the same
	// thing: its value is left in place.
	undo(ctx context.Context, k kernel, heir change) (outcome, error)
	// without takes the change's effect out of what was seen, and reports whether it
	// was there.
	without(seen *observed) bool
}

// shared is a change of something the host has only once, which several
// processes may want.
type shared interface {
	change
	sharedKey() string
}

// outcome is the result of undoing a change.
type outcome struct {
	line string // "": nothing was to be done
	left bool   // the change was left as found, and line says why
}

func did(format string, args ...any) outcome { return outcome{line: fmt.Sprintf(format, args...)} }
func left(format string, args ...any) outcome {
	return outcome{line: fmt.Sprintf(format, args...), left: true}
}

// removed returns the outcome of removing something, which may be gone already.
func removed(what fmt.Stringer, err error) (outcome, error) {
	if errors.Is(err, errGone) {
		return outcome{}, nil
	}
	if err != nil {
		return outcome{}, fmt.Errorf("remove %s: %w", what, err)
	}
	return did("removed %s", what), nil
}

// linkChange sets one property of the adapter.
type linkChange struct {
	Device   string
	Property property
	Set, Was int
}

func (c *linkChange) String() string {
	if c.Property == propUp {
		return "set " + c.Device + " up"
	}
	return fmt.Sprintf("set %s of %s to %d (was %d)", c.Property, c.Device, c.Set, c.Was)
}

func (c *linkChange) apply(_ context.Context, k kernel) error {
	return k.setLink(c.Device, c.Property, c.Set)
}

func (c *linkChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	l, err := k.link(c.Device)
	if errors.Is(err, errGone) || err == nil && l.value(c.Property) != c.Set {
		return outcome{}, nil
	}
	if err == nil {
		err = k.setLink(c.Device, c.Property, c.Was)
	}
	if err != nil {
		return outcome{}, fmt.Errorf("set %s of %s back to %d: %w", c.Property, c.Device, c.Was, err)
	}
	return did("set %s of %s back to %d", c.Property, c.Device, c.Was), nil
}

func (c *linkChange) without(seen *observed) bool {
	was := seen.link.value(c.Property) == c.Set
	if was {
		seen.link.set(c.Property, c.Was)
	}
	return was
}

// addressChange adds an address to the adapter.
type addressChange struct {
	Device  string
	Address Address
}

func (a Address) String() string {
	switch {
	case a.Peer.IsValid():
		return a.Prefix.Addr().String() + " peer " + a.Peer.String()
	case a.Former:
		return a.Prefix.String() + ", for connections from before,"
	}
	return a.Prefix.String()
}

func (c *addressChange) String() string {
	return "add address " + c.Address.String() + " to " + c.Device
}

func (c *addressChange) apply(_ context.Context, k kernel) error {
	if err := k.addAddress(c.Device, c.Address); !errors.Is(err, errExists) {
		return err
	}
	return nil
}

func (c *addressChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	return removed(named("address "+c.Address.String()+" from "+c.Device), k.delAddress(c.Device, c.Address))
}

func (c *addressChange) without(seen *observed) bool {
	n := len(seen.addresses)
	seen.addresses = slices.DeleteFunc(seen.addresses, func(a Address) bool { return a == c.Address })
	return len(seen.addresses) < n
}

// routeChange adds a route.
type routeChange struct {
	Way    way
	Bypass bool // it pins the way of before
}

func (c *routeChange) String() string {
	if c.Bypass {
		return "add route " + c.Way.String() + ", the way it goes now"
	}
	return "add route " + c.Way.String()
}

func (c *routeChange) apply(_ context.Context, k kernel) error {
	err := k.addRoute(c.Way)
	if !errors.Is(err, errExists) {
		return err
	}
	routes, lerr := k.routes()
	if c.Way.Table != 0 {
		routes, lerr = k.routesIn(c.Way.Table)
	}
	if lerr == nil {
		if other, ok := taken(c.Way, newTable(routes).only(c.Way.Dst, c.Way.Table)); ok {
			return clash(c.Way, other).Err
		}
	}
	return err
}

func (c *routeChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	return removed(named("route "+c.Way.String()), k.delRoute(c.Way))
}

func (c *routeChange) without(seen *observed) bool {
	return seen.routes.remove(c.Way)
}

// tableChange adds this package's own packet filter table for a device.
type tableChange struct{ ruleTable }

func (c *tableChange) String() string { return "add nftables table inet " + c.ruleTable.String() }

func (c *tableChange) apply(_ context.Context, k kernel) error { return k.addTable(c.ruleTable) }

func (c *tableChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	return removed(named("nftables table inet "+c.Table), k.delTable(c.Table))
}

func (c *tableChange) without(seen *observed) bool {
	was := seen.table
	seen.table = false
	return was
}

type named string

func (n named) String() string { return string(n) }

// kinds are the changes by their name in the journal.
var kinds = map[string]func() change{
	"link":        func() change { return new(linkChange) },
	"hardware":    func() change { return new(hardwareChange) },
	"address":     func() change { return new(addressChange) },
	"route":       func() change { return new(routeChange) },
	"table":       func() change { return new(tableChange) },
	"setting":     func() change { return new(settingChange) },
	"file":        func() change { return new(fileChange) },
	"outside-dns": func() change { return new(outsideDNSChange) },
	"names":       func() change { return new(linkDNSChange) },
	"fence":       func() change { return new(fenceChange) },
	"rule":        func() change { return new(ruleChange) },
	"group":       func() change { return new(groupChange) },
	"chosen":      func() change { return new(chosenChange) },
}

// record is a change in the journal.
type record struct {
	Kind   string
	Change json.RawMessage
}

func kindOf(c change) string {
	switch c.(type) {
	case *linkChange:
		return "link"
	case *hardwareChange:
		return "hardware"
	case *addressChange:
		return "address"
	case *routeChange:
		return "route"
	case *tableChange:
		return "table"
	case *settingChange:
		return "setting"
	case *fileChange:
		return "file"
	case *outsideDNSChange:
		return "outside-dns"
	case *fenceChange:
		return "fence"
	case *ruleChange:
		return "rule"
	case *groupChange:
		return "group"
	case *chosenChange:
		return "chosen"
	}
	return "names"
}

func encode(c change) (record, error) {
	b, err := json.Marshal(c)
	return record{Kind: kindOf(c), Change: b}, err
}

func decode(r record) (change, error) {
	make, ok := kinds[r.Kind]
	if !ok {
		return nil, fmt.Errorf("unknown change %q: a newer version wrote it; run that version's cleanup", r.Kind)
	}
	c := make()
	if err := json.Unmarshal(r.Change, c); err != nil {
		return nil, fmt.Errorf("change %q: %w", r.Kind, err)
	}
	return c, nil
}
